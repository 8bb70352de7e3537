import { expect, test } from "vitest";
import type { LinkFrame } from "../protocol/link.ts";
import { CatchUps } from "./catch-up.ts";
import { Core, type Options } from "./core.ts";
import type { Links } from "./links.ts";
import type { Subscription } from "./subscriptions.ts";

/** What a catch-up looks at of a subscription. */
const subscribed = (chan: number): Subscription => ({ channel: `C${chan}`, state: "subscribed", conn: 1, chan, last: 10, catching: new Map() }) as unknown as Subscription;

test("thousands of channels that wait for their turn are passed over one by one when their link breaks, and the rest goes on", () => {
  const reads: number[] = [];
  const links = { send: (_conn: number, frame: LinkFrame) => void (frame.type === "read" && reads.push(frame.chan)) } as unknown as Links;
  const catchUps = new CatchUps(new Core({ resumeMs: 1_000, resumeEvents: 10 } as Options), links, { caughtUp: () => {}, misdirected: () => {}, gap: () => {} });
  const subs = Array.from({ length: 20_000 }, (_, chan) => subscribed(chan));
  for (const sub of subs) catchUps.start(sub, 7, 0);
  expect(reads).toEqual([0, 1]);
  // The link of all but the last two breaks; the two that read are told last.
  for (const sub of subs.slice(0, -2)) sub.state = "idle";
  for (const sub of subs.slice(0, -2).reverse()) catchUps.lost(sub);
  expect(reads).toEqual([0, 1, 19_998, 19_999]);
});
