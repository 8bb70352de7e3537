/** `ringway store backup` as an operator runs it, while a process floods the store. */
import { execFile } from "node:child_process";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, afterEach, expect, it } from "vitest";
import { openLmdbLog } from "../../services/store/lmdb-log.ts";
import { all, cleanUp, killWriters, newFolder, Writer } from "./log-lmdb-writer.ts";

afterAll(cleanUp);
afterEach(killWriters);

const main = fileURLToPath(new URL("../../services/main.ts", import.meta.url));
const backup = async (data: string, to: string, ...flags: string[]): Promise<string> => (await promisify(execFile)(process.execPath, [main, "store", "backup", to, "--data", data, ...flags])).stdout;

it("copies a store that is being written to: the copy opens, and holds everything up to one moment", async () => {
  const folder = await newFolder();
  const writer = new Writer(folder, { bytes: 500 });
  const [fence] = await writer.ask("claim");
  await writer.ask(`flood 1 ${fence}`, 500);
  const place = await newFolder();
  const before = Number(writer.lines.at(-1));
  expect(await backup(folder, join(place, "copy"))).toMatch(/^\S+: \d+ bytes\n$/);
  await writer.has(writer.lines.length + 100);
  await writer.kill();
  const after = Number(writer.lines.at(-1));
  expect(await readdir(place)).toEqual(["copy"]);

  const copy = openLmdbLog(join(place, "copy"));
  const entries = await all(copy);
  expect(entries.map(({ offset }) => offset)).toEqual(Array.from({ length: entries.length }, (_, i) => i + 1));
  expect(entries.length).toBeGreaterThanOrEqual(before);
  expect(entries.length).toBeLessThan(after);
  const last = entries.at(-1)!;
  expect(await copy.head("C1")).toMatchObject({ head: last.offset, lastTs: last.ts });
  for (const { offset, key, ts } of [...entries.filter((_, i) => i % 100 === 0), last]) {
    expect(await copy.byKey("C1", key)).toMatchObject({ offset });
    expect(Buffer.from((await copy.message("C1", ts))!).toString()).toBe(`{"msg":${offset}}`);
  }
  // It is a store like any other.
  expect(await copy.claim(1, "copy")).toBe(Number(fence) + 1);
  await copy.close();
});

it("refuses where there is no store, a folder that holds something, and another engine, and leaves all as it was", async () => {
  const place = await newFolder();
  await expect(backup(place, join(place, "copy"))).rejects.toMatchObject({ code: 2, stderr: expect.stringMatching(/^ringway: there is no lmdb store in .*\n$/) as unknown });
  const folder = await newFolder();
  await openLmdbLog(folder).close();
  const taken = join(place, "taken");
  await mkdir(taken);
  await writeFile(join(taken, "mine"), "kept");
  await expect(backup(folder, taken)).rejects.toMatchObject({ code: 2, stderr: expect.stringMatching(/^ringway: .* is there already and is not empty\n$/) as unknown });
  await expect(backup(folder, join(place, "copy"), "--store", "postgres://u:sekret@127.0.0.1/x")).rejects.toMatchObject({ code: 2, stderr: expect.stringMatching(/^ringway: .* pg_dump\n$/) as unknown });
  expect([await readdir(place), await readdir(taken)]).toEqual([["taken"], ["mine"]]);
});
