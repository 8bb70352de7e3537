/** The event loop of a process goes on while its write waits for the lock, and while it is committed and synced. */
import { setImmediate as turn } from "node:timers/promises";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { Environment } from "../../services/store/environment.ts";
import { openLmdbLog } from "../../services/store/lmdb-log.ts";
import { cleanUp, killWriters, newFolder, Writer } from "./log-lmdb-writer.ts";

afterAll(cleanUp);
afterEach(killWriters);

/** How often the event loop turns until `write` is answered. */
async function turnsDuring(write: Promise<unknown>): Promise<number> {
  let answered = false;
  void write.finally(() => (answered = true));
  let turns = 0;
  for (; !answered; turns++) await turn();
  return turns;
}

describe("the event loop", () => {
  it("turns, and reads are answered, while a write waits for another process", async () => {
    const folder = await newFolder();
    const log = openLmdbLog(folder);
    expect(await log.claim(2, "parent")).toBe(1);
    const slow = new Writer(folder);
    expect(await slow.ask("hold 1000")).toEqual(["holding"]);
    const claim = log.claim(2, "parent");
    expect(await log.claimed(2)).toMatchObject({ fence: 1 });
    expect(await turnsDuring(claim)).toBeGreaterThan(20);
    expect(await log.claimed(2)).toMatchObject({ fence: 2 });
    await log.close();
  });

  it("turns while a large write is committed", async () => {
    const env = Environment.open(await newFolder());
    const value = Buffer.alloc(1_000_000, "x");
    let turns: Promise<number> | undefined;
    const written: Promise<void> = env.write(() => {
      for (let i = 0; i < 40; i++) void env.db.entries.put(["C1", i], value);
      // All that is left to do is the commit.
      turns = turnsDuring(written);
    });
    await written;
    expect(await turns).toBeGreaterThan(20);
    await env.close();
  });

  it("turns between groups of at most 500 writes, which keep their order", async () => {
    const env = Environment.open(await newFolder());
    const written: number[] = [];
    const perTurn = new Map<number, number>();
    let now = 0;
    const writes = Array.from({ length: 1_800 }, (_, i) =>
      env.write(() => {
        written.push(i);
        perTurn.set(now, (perTurn.get(now) ?? 0) + 1);
        void env.db.claims.put(i, `${i} x`);
        if (i % 600 === 7) throw new Error(`${i} is refused`);
        return i;
      }),
    );
    const all = Promise.allSettled(writes);
    let answered = false;
    void all.finally(() => (answered = true));
    for (; !answered; now++) await turn();
    const outcomes = await all;
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1_797);
    for (const i of [7, 607, 1_207]) expect(outcomes[i]).toMatchObject({ reason: { name: "StoreUnavailable", message: `${i} is refused` } });
    expect(written).toEqual(Array.from({ length: 1_800 }, (_, i) => i));
    expect(Math.max(...perTurn.values())).toBe(500);
    expect(await env.read(() => env.db.claims.get(1_799))).toBe("1799 x");
    await env.close();
  });
});
