import { expect, test } from "vitest";
import { createLog } from "../runtime/log.ts";
import { StoreUnavailable, type LogStore } from "../store/log.ts";
import { openMemoryLog } from "../store/memory-log.ts";
import { keepSweeping, sweeperOf } from "./retention.ts";

const dayMs = 86_400_000;
const startMs = 1_700_000_000_000;

/** A store whose entries of C1 were written a day apart, and a sweeper that is told what time it is. */
async function scene(days: number) {
  const store: LogStore = openMemoryLog();
  await store.claim(1, "cs-0");
  for (const name of ["C1", ...Array.from({ length: 150 }, (_, i) => `CX${i}`)]) {
    const entries = [1, 2, 3, 4].map((offset) => ({ offset, ts: `${startMs / 1_000 - (5 - offset) * 86_400}.000000`, kind: 0, origin: 0, key: `k${offset}`, payload: Buffer.from("{}") }));
    await store.append({ channel: name, slot: 1, fence: 1, entries });
  }
  const world = { now: startMs, monotonic: 0, mine: true, broken: false };
  const sleepers: { readonly ms: number; readonly wake: () => void }[] = [];
  const ended = new AbortController();
  const done = keepSweeping({
    store: { ...store, sweep: (...args) => (world.broken ? Promise.reject(new StoreUnavailable("away")) : store.sweep(...args)) },
    days,
    isMine: () => world.mine,
    clock: {
      now: () => world.now,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          signal?.addEventListener("abort", () => resolve());
          sleepers.push({ ms, wake: resolve });
        }),
    },
    monotonic: () => world.monotonic,
    log: createLog("channel", "cs-0", "silent"),
    signal: ended.signal,
  });
  return {
    world,
    first: async (channel = "C1") => (await store.head(channel)).first,
    /** Lets the next time come that the store is gone through, and waits until that is over. */
    async round(): Promise<void> {
      let rested = false;
      while (!rested) {
        const next = sleepers.shift()!;
        next.wake();
        while (sleepers.length === 0) await new Promise((resolve) => setImmediate(resolve));
        rested = sleepers[0]!.ms > 1_000;
      }
    },
    async end(): Promise<void> {
      ended.abort();
      await done;
    },
  };
}

test("removes what is older than so many days, in all channels, and goes on as time does", async () => {
  const { world, round, first, end } = await scene(2);
  expect(await first()).toBe(1);
  await round();
  expect([await first("C1"), await first("CX149")]).toEqual([3, 3]);
  world.now += dayMs;
  world.monotonic += dayMs;
  await round();
  expect([await first("C1"), await first("CX149")]).toEqual([4, 4]);
  await end();
});

test("removes nothing where another server does, where the clock was set ahead, and where the store is away, and goes on after it", async () => {
  const { world, round, first, end } = await scene(2);
  world.mine = false;
  await round();
  world.mine = true;
  world.broken = true;
  await round();
  world.broken = false;
  world.now += 2 * dayMs;
  await round();
  expect(await first()).toBe(1);
  world.monotonic += 2 * dayMs;
  await round();
  expect(await first()).toBe(4);
  await end();
});

test("removes nothing at all with 0 days", async () => {
  const { first, end } = await scene(0);
  expect(await first()).toBe(1);
  await end();
});

test("is the turn of the first server that slot 0 has", () => {
  expect(sweeperOf({ epoch: 1, preferenceOfSlot: (_pool, slot) => (slot === 0 ? [{ id: "cs-2", addr: "" }, { id: "cs-0", addr: "" }] : []) })).toBe("cs-2");
  expect(sweeperOf({ epoch: 1, preferenceOfSlot: () => [] })).toBeUndefined();
  expect(sweeperOf(undefined)).toBeUndefined();
});
