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
});
