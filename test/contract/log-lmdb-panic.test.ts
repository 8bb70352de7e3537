/** A commit that fails at its last write, the meta page: lmdb then serves that process no more, for good. */
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, expect, it } from "vitest";
import { openLmdbLog } from "../../services/store/lmdb-log.ts";
import { cleanUp, killWriters, newFolder, Writer } from "./log-lmdb-writer.ts";

afterAll(cleanUp);
afterEach(killWriters);

it.runIf(process.platform === "linux")("ends the process, so that others take over; nothing acked is lost", async () => {
  const folder = await newFolder();
  const writer = new Writer(folder);
  await writer.ask("persist", 20);
  // Its writes are refused for a moment, again and again, until that moment lies between the pages of a commit and its meta page.
  for (let attempt = 0; attempt < 5_000 && writer.exitCode === null; attempt++) {
    limitFileSize(writer.pid, "0");
    await sleep(Math.random() * 2);
    limitFileSize(writer.pid, "unlimited");
    await sleep(Math.random() * 5);
  }
  expect(writer.exitCode).toBe(1);
  const fences = writer.lines.map(Number).filter(Number.isInteger);
  const log = openLmdbLog(folder);
  expect((await log.claimed(1)).fence).toBeGreaterThanOrEqual(Math.max(...fences));
  expect(await log.claim(1, "parent")).toBeGreaterThan(Math.max(...fences));
  console.log(`after ${writer.lines.length - fences.length} refusals`);
  await log.close();
});

/** The soft limit only, so that it can be taken back. */
function limitFileSize(pid: number, bytes: string): void {
  try {
    execFileSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:unlimited`], { stdio: "ignore" });
  } catch {
    // It has just ended.
  }
}
