/** The short form of `node test/bench/fanout/stuck.ts`. */
import { expect, test } from "vitest";
import { measureStuck } from "./stuck.ts";

const stuck = 100;

test("100 readers of 1,000 stop reading: they are cut off, the gateway's memory stays, the others go on, and nobody misses anything", async () => {
  const report = await measureStuck({ sockets: 1_000, stuck, readingMs: 1_000, stuckMs: 1_000, againMs: 0 });
  expect(report.faults).toEqual([]);
  expect(report.cutOff).toBe(stuck);
  expect(report.rssPeakMiB - report.rssBeforeMiB).toBeLessThan(stuck + 64); // 1 MiB each, and what a heap does
  expect(report.before.count).toBeGreaterThan(900);
  expect(report.during.count).toBeGreaterThan(900);
});
