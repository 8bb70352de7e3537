/** An lmdb folder that outgrows the address space its processes began with. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, expect, it } from "vitest";
import { decodeEntry } from "../../services/store/entry-codec.ts";
import { Environment } from "../../services/store/environment.ts";
import { openLmdbLog } from "../../services/store/lmdb-log.ts";
import { all, cleanUp, killWriters, newFolder, Writer } from "./log-lmdb-writer.ts";

afterAll(cleanUp);
afterEach(killWriters);

const mapBytes = 2 ** 20;
const bytes = 20_000;
/** Entries of one turn: twice the map. */
const turn = (2 * mapBytes) / bytes | 0;
/** How many maps of the data a process has: the old ones stay for reads that began on them. Only Linux says. */
const maps = async (pid: number): Promise<number> => (await readFile(`/proc/${pid}/maps`, "utf8")).split("\n").filter((line) => line.endsWith("/data.mdb")).length;
const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);

it("grows in two processes that write by turns, in a third that reads, and under a read that began before", async () => {
  const folder = await newFolder();
  const env = Environment.open(folder, { mapBytes });
  const log = openLmdbLog(folder);
  const writers = [new Writer(folder, { bytes, mapBytes }), new Writer(folder, { bytes, mapBytes })];
  expect(await writers[0]!.ask("claim")).toEqual(["1"]);
  expect(await writers[0]!.ask(`append 1 ${turn} 1`, turn)).toEqual(range(1, turn).map(String));

  const early = env.db.entries.getRange({ start: ["C1", 1], end: ["C1", Number.MAX_SAFE_INTEGER] })[Symbol.iterator]();
  const old: number[] = [];
  const take = (): boolean => {
    const { value, done } = early.next();
    if (done) return false;
    const offset = (value.key as [string, number])[1];
    const { key, payload } = decodeEntry(offset, value.value);
    expect([key, payload.length]).toEqual([`k${offset}`, bytes]);
    old.push(offset);
    return true;
  };
  expect(take()).toBe(true);

  for (const [i, first] of [1, 2, 3, 4].map((i) => [i, i * turn + 1] as const)) {
    expect(await writers[i % 2]!.ask(`append ${first} ${turn} 1`, turn)).toEqual(range(first, turn).map(String));
    expect((await all(log)).map(({ offset }) => offset)).toEqual(range(1, first + turn - 1));
  }
  expect((await stat(join(folder, "data.mdb"))).size).toBeGreaterThan(8 * mapBytes);
  if (process.platform === "linux") for (const { pid } of [process, ...writers]) expect(await maps(pid)).toBeGreaterThan(1);
  while (take());
  expect(old).toEqual(range(1, turn));

  const later = new Writer(folder, { bytes, mapBytes });
  expect(await later.ask(`append ${5 * turn + 1} 1 1`)).toEqual([String(5 * turn + 1)]);
  expect((await log.head("C1")).head).toBe(5 * turn + 1);
  await log.close();
  await env.close();
});
