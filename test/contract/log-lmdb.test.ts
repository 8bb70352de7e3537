import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { openLmdbLog } from "../../services/store/lmdb-log.ts";
import type { Entry, LogStore } from "../../services/store/log.ts";
import { messageEntry } from "./log-entry.ts";
import { logContract } from "./log.ts";

const folders: string[] = [];
const writers: Writer[] = [];
afterEach(() => Promise.all(writers.splice(0).map((writer) => writer.kill())));
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ringway-log-"));
  folders.push(folder);
  return folder;
}

/** Another process on the same folder (log-writer.ts). */
class Writer {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;

  /** @param fileKiB bound of the files it may write, for a disk that is full */
  constructor(folder: string, bytes = 20, fileKiB?: number) {
    const script = fileURLToPath(new URL("log-writer.ts", import.meta.url));
    const limit = fileKiB === undefined ? "" : `ulimit -f ${fileKiB}; `;
    this.#child = spawn("/bin/sh", ["-c", `${limit}exec "$@"`, "sh", process.execPath, script, folder, String(bytes)], { stdio: ["pipe", "pipe", "ignore"] });
    createInterface(this.#child.stdout!).on("line", (line) => this.lines.push(line));
    writers.push(this);
  }

  /** Says a line, and waits for so many lines of answer. */
  async ask(line: string, answers = 1): Promise<string[]> {
    const from = this.lines.length;
    this.#child.stdin!.write(`${line}\n`);
    await this.has(from + answers);
    return this.lines.slice(from, from + answers);
  }

  async has(lines: number): Promise<void> {
    await vi.waitFor(() => expect(this.lines.length).toBeGreaterThanOrEqual(lines), { timeout: 20_000 });
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "close");
  }
}

async function all(log: LogStore): Promise<Entry[]> {
  const found: Entry[] = [];
  for (;;) {
    const page = await log.after("C1", found.length, 1_000);
    if (page.length === 0) return found;
    found.push(...page);
  }
}

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
      const writer = new Writer(folder, 2_000);
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

  it("answers StoreUnavailable on a full disk, acks nothing it doesn't keep, and lives on", async () => {
    const folder = await newFolder();
    const writer = new Writer(folder, 20_000, 2_048);
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
