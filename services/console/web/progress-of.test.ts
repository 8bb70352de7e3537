import { expect, test } from "vitest";
import type { ServerView, Snapshot } from "../snapshot.ts";
import { progressOf } from "./progress-of.ts";
import type { Watched } from "./watched.ts";
import type { Wish } from "./wish.ts";

const wish: Wish = { wish: "drain", server: "gw-0", weight: "", pool: "channel", id: "" };
const gateway = (state: ServerView["state"], connections: number | null, stale = false): ServerView => ({ pool: "gateway", id: "gw-0", addr: "", zone: "", weight: 100, slots: 0, state, stale, figures: connections === null ? null : ({ connections } as ServerView["figures"]) });
const channel: ServerView = { ...gateway("up", 0), pool: "channel" };
const seen = (looks: number, servers: readonly ServerView[], charm: Snapshot["charm"] = { leading: true, rebalance: null, held: {}, pins: { channel: [], presence: [], gateway: [] } }): Watched => ({ looks, at: 0, decisions: [], history: [], last: { servers, charm } as unknown as Snapshot });
const preview = { epoch: 1, moved: { channel: 655, presence: 0, gateway: 0 }, moves: [] };
const far = (servers: readonly ServerView[], looks = 12): unknown => progressOf({ wish, preview, since: seen(10, [channel, gateway("up", 4)]), watched: seen(looks, servers) });

test.each([
  ["a look of before the change says nothing", [gateway("up", 0)], 11, { text: "4 sessions have yet to leave", share: 0 }],
  ["the ring does not say yet that it drains", [gateway("up", 0)], 12, { text: "the ring does not say yet that it drains", share: 0 }],
  ["sessions leave", [gateway("draining", 1)], 12, { text: "1 sessions have yet to leave", share: 0.75 }],
  ["it says that it is empty", [channel, gateway("draining", 0)], 12, { text: "done", share: 1 }],
  ["it does not answer, and was empty at last", [gateway("draining", 0, true)], 12, { text: "it does not answer, so nobody knows how many sessions have yet to leave", share: 0 }],
  ["it has not answered for long", [gateway("draining", null, true)], 12, { text: "it does not answer, so nobody knows how many sessions have yet to leave", share: 0 }],
  ["it is down", [gateway("down", null, true)], 12, { text: "gone: it is down before it said that its clients had left", share: 1 }],
  ["it left", [channel], 12, { text: "gone: it left the ring before it said that its clients had left", share: 1 }],
] as const)("a gateway's drain: %s", (_, servers, looks, expected) => {
  expect(far(servers, looks)).toEqual(expected);
});

test("a rebalance is done when charm says so, and nobody knows without charm", () => {
  const of = (looks: number, charm?: Snapshot["charm"]): string => progressOf({ wish: { ...wish, wish: "undrain" }, preview, since: seen(10, []), watched: seen(looks, [], charm) }).text;
  expect(of(11)).toBe("1 % of the slots have yet to move");
  expect(of(12)).toBe("done");
  expect(of(12, null)).toBe("charm does not answer, so nobody knows how many slots have yet to move");
});
