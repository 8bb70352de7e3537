import { afterEach, expect, test, vi } from "vitest";
import { wallMs } from "./clock.ts";

afterEach(() => void vi.restoreAllMocks());

test("the clock with fractions never goes back, keeps to the system's, and tells less than a millisecond", () => {
  const readings: number[] = [];
  let [apart, last] = [0, 0];
  for (const until = Date.now() + 100; last < until; ) {
    const before = Date.now();
    readings.push((last = wallMs()));
    apart = Math.max(apart, before - last, last - Date.now() - 1);
  }
  expect(readings.findIndex((reading, i) => i > 0 && reading < readings[i - 1]!)).toBe(-1);
  expect(apart).toBeLessThanOrEqual(0.001);
  expect(new Set(readings).size).toBeGreaterThan(1_000);
});

test("where the system's clock is set, back or forth, it follows at once", () => {
  const real = Date.now();
  for (const jump of [3_600_000, -7_200_000]) {
    vi.spyOn(Date, "now").mockReturnValue(real + jump);
    expect(Math.floor(wallMs())).toBe(real + jump);
  }
});
