import { afterAll, afterEach, describe, expect, it } from "vitest";
import { openLmdbLog } from "../../services/store/lmdb-log.ts";
import { messageEntry } from "./log-entry.ts";
import { all, cleanUp, killWriters, newFolder, Writer } from "./log-lmdb-writer.ts";
import { logContract } from "./log.ts";

afterAll(cleanUp);
afterEach(killWriters);

logContract("lmdb", async () => openLmdbLog(await newFolder()));

describe("one lmdb folder in two processes", () => {
  it("fences the process whose slot the other has claimed, at its next append", async () => {
    const folder = await newFolder();
    const log = openLmdbLog(folder);
    const writer = new Writer(folder);
    expect(await writer.ask("claim")).toEqual(["1"]);
    expect(await writer.ask("append 1 3 1", 3)).toEqual(["1", "2", "3"]);
    expect(await log.claim(1, "parent")).toBe(2);
    expect(await log.head("C1")).toMatchObject({ head: 3 });
    expect(await writer.ask("append 4 2 1", 2)).toEqual(["fenced", "fenced"]);
    expect(await log.append({ channel: "C1", slot: 1, fence: 2, entries: [messageEntry(4)] })).toEqual({ ok: true });
    expect(await writer.ask("claim")).toEqual(["3"]);
    expect(await log.append({ channel: "C1", slot: 1, fence: 2, entries: [messageEntry(5)] })).toEqual({ ok: false, reason: "fenced" });
    expect(await writer.ask("append 5 1 3")).toEqual(["5"]);
    expect((await all(log)).map(({ offset }) => offset)).toEqual([1, 2, 3, 4, 5]);
    await log.close();
  });

  it("lets both write at once, each to its own slot, and gives one slot's claims out once", async () => {
    const folder = await newFolder();
    const log = openLmdbLog(folder);
    const writer = new Writer(folder);
    expect(await writer.ask("claim")).toEqual(["1"]);
    expect(await log.claim(2, "parent")).toBe(1);
    const theirs = writer.ask("append 1 500 1", 500);
    const ours = Promise.all(Array.from({ length: 500 }, (_, i) => log.append({ channel: "C2", slot: 2, fence: 1, entries: [messageEntry(i + 1)] })));
    expect((await ours).every(({ ok }) => ok)).toBe(true);
    expect(await theirs).toEqual(Array.from({ length: 500 }, (_, i) => String(i + 1)));
    const fences = await Promise.all([writer.ask("claim"), log.claim(1, "parent"), log.claim(1, "parent")]);
    expect(fences.flat().map(Number).toSorted()).toEqual([2, 3, 4]);
    await log.close();
  });

  it("keeps everything that was acked when the writer is killed in the midst, and lets others write on", async () => {
    const folder = await newFolder();
    const log = openLmdbLog(folder);
    for (let round = 1; round <= 3; round++) {
      const { head } = await log.head("C1");
      const writer = new Writer(folder, { bytes: 2_000 });
      const [fence] = await writer.ask("claim");
      await writer.ask(`flood ${head + 1} ${fence}`, 500);
      await writer.kill();
      const acked = writer.lines.slice(1).map(Number);
      // A commit that the kill cut short of its ack may come to light with the next transaction, so one comes first.
      const next = await log.claim(1, "parent");
      const entries = await all(log);
      expect(entries.map(({ offset }) => offset)).toEqual(Array.from({ length: entries.length }, (_, i) => i + 1));
      expect(entries.length).toBeGreaterThanOrEqual(Math.max(...acked));
      for (const offset of acked) expect(entries[offset - 1]).toMatchObject({ offset, key: `k${offset}` });
      expect(await log.append({ channel: "C1", slot: 1, fence: next, entries: [messageEntry(entries.length + 1)] })).toEqual({ ok: true });
    }
    await log.close();
    const reopened = openLmdbLog(folder);
    const { head } = await reopened.head("C1");
    expect((await all(reopened)).length).toBe(head);
    await reopened.close();
  });

  it("lets a process that wrote nothing for long write on after a busy one was killed, whatever lock it died with", async () => {
    const folder = await newFolder();
    const log = openLmdbLog(folder);
    await log.claim(2, "parent");
    for (let round = 1; round <= 5; round++) {
      const writer = new Writer(folder);
      await writer.ask("churn", 600);
      await writer.kill();
      expect(await log.claim(2, "parent")).toBe(round + 1);
    }
    await log.close();
  });

  it("answers StoreUnavailable where its file may grow no further, acks nothing it doesn't keep, and lives on", async () => {
    const folder = await newFolder();
    const writer = new Writer(folder, { bytes: 400_000, fileKiB: 64 * 1_024 });
    expect(await writer.ask("claim")).toEqual(["1"]);
    const answers: string[] = [];
    for (let offset = 1; offset <= 100 && answers.at(-1) !== "StoreUnavailable"; offset++) answers.push(...(await writer.ask(`append ${offset} 1 1`)));
    expect(answers.at(-1)).toBe("StoreUnavailable");
    expect(answers.length).toBeGreaterThan(5);
    expect(await writer.ask(`append ${answers.length} 1 1`)).toEqual(["StoreUnavailable"]);
    await writer.kill();
    const log = openLmdbLog(folder);
    expect((await all(log)).map(({ offset }) => offset)).toEqual(answers.slice(0, -1).map(Number));
    await log.close();
  });
});
