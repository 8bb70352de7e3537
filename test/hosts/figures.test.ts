import { expect, test } from "vitest";
import { deliveryTimes, peakWithin, percentile } from "./figures.ts";

test("a peak is the most that lie within any window, its end left out", () => {
  expect(peakWithin([], 1_000)).toBe(0);
  expect(peakWithin([5_000, 0, 999, 1_000, 500], 1_000)).toBe(3);
  expect(peakWithin([0, 1_000, 2_000], 1_000)).toBe(1);
});

test("a delivery counts from when its message was sent first, at each reader, and no other event counts", () => {
  const place = { channel: "C1", off: 1, ts: "1.1" };
  expect(deliveryTimes([
    { at: 10, type: "sent", writer: 0, channel: "C1", key: "k", due: 3 },
    { at: 40, type: "shown", reader: 0, ...place, key: "k" },
    { at: 55, type: "fetched", reader: 1, ...place, key: "k" },
    { at: 60, type: "shown", reader: 0, ...place, off: 2 },
    { at: 70, type: "acked", key: "k", ts: "1.1" },
  ])).toEqual([30, 45]);
});

test("percentiles are values that there were", () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect([0.5, 0.99, 1].map((share) => percentile(values, share))).toEqual([51, 100, 100]);
  expect(percentile([], 0.99)).toBe(0);
});
