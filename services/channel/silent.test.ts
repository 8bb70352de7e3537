import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { AFTER_HEAD } from "../protocol/link.ts";
import { ChannelState, type Event } from "./state.ts";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

/** Bytes of JavaScript's heap that are in use. */
function heap(): number {
  gc();
  gc();
  return process.memoryUsage().heapUsed;
}

// `npm run bench:channels` measures the whole process, and 4 million.
it("a channel that is subscribed and silent takes less than 400 bytes of heap", () => {
  const state = new ChannelState({ server: "cs-1", slotOf: (id) => Number(id.slice(1)) % 256 });
  const take = (event: Event): void => {
    for (const effect of state.step(event, 0)) {
      if (effect.type === "claim") take({ type: "claimed", slot: effect.slot, fence: 1 });
      if (effect.type === "load") take({ type: "loaded", channel: effect.channel, load: effect.load, head: 7, lastTs: "1700000000.123456" });
    }
  };
  const subscribe = (from: number, to: number): void => {
    for (let i = from; i < to; i++) take({ type: "linkFrame", link: 1, frame: { type: "subscribe", chan: i, after: AFTER_HEAD, id: `C${i}` } });
  };
  take({ type: "topology", ring: { epoch: 1, preferenceOfSlot: () => [{ id: "cs-1", addr: "cs-1:1" }] } });
  take({ type: "linkOpened", link: 1 });
  subscribe(0, 10_000);
  const before = heap();
  subscribe(10_000, 60_000);
  const each = (heap() - before) / 50_000;
  expect(state.status()).toMatchObject({ channels: 60_000, subscriptions: 60_000 });
  expect(each).toBeGreaterThan(0);
  expect(each).toBeLessThan(400);
});
