/** A process that is stopped while it holds the write lock of an lmdb folder: what the others do about it. */
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { storeFlags } from "../../services/runtime/common-flags.ts";
import { openLmdbLog } from "../../services/store/lmdb-log.ts";
import { StoreUnavailable, type LogStore } from "../../services/store/log.ts";
import { openLog } from "../../services/store/open.ts";
import { all, cleanUp, killWriters, newFolder, Writer } from "./log-lmdb-writer.ts";

afterAll(cleanUp);
afterEach(killWriters);

/** The offsets that a flooding writer said were acked; its first line is its fence. A refusal is no number. */
const acked = (writer: Writer): number[] => writer.lines.slice(1).map(Number).filter(Number.isInteger);

async function flooding(folder: string): Promise<Writer> {
  const writer = new Writer(folder, { bytes: 20_000 });
  const [fence] = await writer.ask("claim");
  await writer.ask(`flood 1 ${fence}`, 100);
  return writer;
}

interface Caught {
  /** another's write, which waits for the lock */
  readonly claim: Promise<number>;
  readonly stoppedAt: number;
}

/** Stops the writer again and again until another's write can't get through: then it holds the lock. */
async function stopWithLock(writer: Writer, log: LogStore): Promise<Caught> {
  for (let attempt = 0; attempt < 100; attempt++) {
    await sleep(Math.random() * 10);
    const stoppedAt = performance.now();
    writer.signal("SIGSTOP");
    const claim = log.claim(2, "parent");
    const waits = await Promise.race([claim.then(() => false), sleep(1_000, true)]);
    if (waits) return { claim, stoppedAt };
    writer.signal("SIGCONT");
    await writer.has(writer.lines.length + 16);
  }
  throw new Error("it never held the lock");
}

/** What it acked is there, in one piece and without holes. */
async function expectKept(log: LogStore, offsets: readonly number[]): Promise<void> {
  const entries = await all(log);
  expect(entries.map(({ offset }) => offset)).toEqual(Array.from({ length: entries.length }, (_, i) => i + 1));
  for (const offset of offsets) expect(entries[offset - 1]).toMatchObject({ offset, key: `k${offset}` });
}

describe.runIf(process.platform === "linux")("a writer that is stopped", () => {
  it("is ended where it holds the write lock; the others go on and nothing acked is lost", async () => {
    const folder = await newFolder();
    const said: { pid?: number; msg: string }[] = [];
    const logger = pino({}, { write: (line) => void said.push(JSON.parse(line) as (typeof said)[number]) });
    const log = openLog({ store: "lmdb", data: folder, storeStuckKillMs: storeFlags["store-stuck-kill-ms"].default, storeConnections: 3 }, logger);
    const writer = await flooding(folder);
    const { claim, stoppedAt } = await stopWithLock(writer, log);
    await claim;
    const waitedMs = performance.now() - stoppedAt;
    expect(said).toMatchObject([{ pid: writer.pid, msg: expect.stringContaining("stopped while it held the store's write lock") as unknown }]);
    await expect.poll(() => writer.endedBy).toBe("SIGKILL");
    expect(waitedMs).toBeLessThan(4_000);
    console.log(`others wrote again ${waitedMs.toFixed(0)} ms after the stop`);
    await log.claim(1, "parent");
    await expectKept(log, acked(writer));
    await log.close();
  });

  it("is left alone where it does not hold the lock; so is one that runs, however long it holds it", async () => {
    const folder = await newFolder();
    const ended: number[] = [];
    const log = openLmdbLog(folder, { stuckKillMs: 100, onKill: (pid) => ended.push(pid) });
    const [idle, slow] = [new Writer(folder), new Writer(folder)];
    await idle.ask("claim");
    idle.signal("SIGSTOP");
    expect(await slow.ask("hold 2000")).toEqual(["holding"]);
    const since = performance.now();
    expect(await log.claim(2, "parent")).toBe(1);
    expect(performance.now() - since).toBeGreaterThan(1_000);
    await slow.has(2);
    idle.signal("SIGCONT");
    expect(await idle.ask("claim")).toEqual(["2"]);
    expect([ended, idle.endedBy, slow.endedBy]).toEqual([[], null, null]);
    await log.close();
  });

  it("is looked for without the one that looks being taken for dead: another process finds its reader where it was", async () => {
    const folder = await newFolder();
    const log = openLmdbLog(folder, { stuckKillMs: 100 });
    await log.head("C1"); // takes a reader's place
    const slow = new Writer(folder);
    expect(await slow.ask("hold 1000")).toEqual(["holding"]);
    await log.claim(2, "parent");
    const other = `import { open } from "lmdb"; const root = open({ path: process.argv[1], noSubdir: false }); root.readerCheck(); process.stdout.write(root.readerList()); await root.close();`;
    const readers = execFileSync(process.execPath, ["--input-type=module", "-e", other, folder], { encoding: "utf8" });
    expect(readers).toMatch(new RegExp(`^\\s*${process.pid}\\b`, "m"));
    await log.close();
  });

  it("keeps the others waiting where that is switched off: they refuse after 5 s, read on meanwhile, and write on once it goes on", async () => {
    const folder = await newFolder();
    const log = openLmdbLog(folder, { stuckKillMs: 0 });
    const writer = await flooding(folder);
    const { claim } = await stopWithLock(writer, log);
    const refused = claim.catch((error: unknown) => error);
    // More than one group of them: none waits for the one before it to be refused.
    const since = performance.now();
    const others = Promise.allSettled(Array.from({ length: 1_200 }, (_, i) => log.claim(100 + i, "parent")));
    const { head } = await log.head("C1");
    expect(head).toBeGreaterThanOrEqual(Math.max(...acked(writer)));
    expect(await refused).toBeInstanceOf(StoreUnavailable);
    expect(new Set((await others).map(({ status }) => status))).toEqual(new Set(["rejected"]));
    expect(performance.now() - since).toBeLessThan(9_000);
    expect(writer.endedBy).toBe(null);
    writer.signal("SIGCONT");
    await writer.has(writer.lines.length + 16);
    await writer.kill();
    await log.claim(2, "parent");
    await expectKept(log, acked(writer));
    await log.close();
  });
});
