/** An lmdb folder on a disk that is really full: a small tmpfs in a mount namespace of the test's own. */
import { spawnSync } from "node:child_process";
import { rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { openLmdbLog } from "../../services/store/lmdb-log.ts";
import { all, cleanUp, killWriters, newFolder, Writer } from "./log-lmdb-writer.ts";

afterAll(cleanUp);
afterEach(killWriters);

/** Runs a command that finds a tmpfs of 48 MiB at `folder`. It ends with the last process inside. */
const onSmallDisk = (folder: string): string[] => ["unshare", "-m", "--", "sh", "-c", 'mount -t tmpfs -o size=48m ringway "$0" && exec "$@"', folder];
const beside = (writer: Writer): string[] => ["nsenter", "-m", "-t", String(writer.pid), "--"];

async function whyNot(): Promise<string> {
  const [command, ...args] = [...onSmallDisk(await newFolder()), "true"];
  const tried = spawnSync(command!, args, { encoding: "utf8" });
  return tried.status === 0 ? "" : `a mount namespace with a tmpfs can't be made here: ${tried.error?.message ?? tried.stderr.trim()}`;
}
const reason = await whyNot();
if (reason !== "") console.log(`the full disk is left out: ${reason}`);

/** Appends one by one from `first` on until the store refuses. @returns the offsets that were acked */
async function appendUntilRefused(writer: Writer, first: number): Promise<number[]> {
  for (let offset = first; offset < first + 1_000; offset++) {
    const [answer] = await writer.ask(`append ${offset} 1 1`);
    if (answer === "StoreUnavailable") return Array.from({ length: offset - first }, (_, i) => first + i);
    expect(answer).toBe(String(offset));
  }
  throw new Error("the disk was never full");
}

describe.skipIf(reason !== "")("a full disk", () => {
  it("fails appends as StoreUnavailable, keeps what was acked, and the same process goes on when there is space again", async () => {
    const folder = await newFolder();
    const writer = new Writer(folder, { bytes: 20_000, within: onSmallDisk(folder) });
    expect(await writer.ask("claim")).toEqual(["1"]);
    expect(await writer.ask("append 1 20 1", 20)).toHaveLength(20);
    const inside = `/proc/${writer.pid}/root${folder}`;
    const log = openLmdbLog(inside);
    let kept = 20;
    for (let round = 0; round < 2; round++) {
      const ballast = join(inside, "ballast");
      await expect(writeFile(ballast, Buffer.alloc(64 * 2 ** 20))).rejects.toMatchObject({ code: "ENOSPC" });
      kept += (await appendUntilRefused(writer, kept + 1)).length;
      expect(await writer.ask(`append ${kept + 1} 5 1`, 5)).toEqual(Array.from({ length: 5 }, () => "StoreUnavailable"));
      // Reads go on, in others too; a process that starts now opens the folder, and lives on when it can't write.
      expect((await log.head("C1")).head).toBe(kept);
      const late = new Writer(folder, { bytes: 20_000, within: beside(writer) });
      expect(await late.ask(`append ${kept + 1} 1 1`)).toEqual(["StoreUnavailable"]);
      const fresh = new Writer(join(folder, `fresh${round}`), { within: beside(writer) });
      await fresh.has(1);
      expect(fresh.lines).toEqual(["StoreUnavailable"]);

      await rm(ballast);
      expect(await writer.ask(`append ${kept + 1} 10 1`, 10)).toEqual(Array.from({ length: 10 }, (_, i) => String(kept + 1 + i)));
      kept += 10;
      expect(await late.ask(`append ${kept + 1} 1 1`)).toEqual([String(++kept)]);
      expect((await all(log)).map(({ offset }) => offset)).toEqual(Array.from({ length: kept }, (_, i) => i + 1));
    }
    expect((await stat(join(inside, "lock.mdb"))).blocks * 512).toBeGreaterThanOrEqual((await stat(join(inside, "lock.mdb"))).size);
    await log.close();
  });
});
