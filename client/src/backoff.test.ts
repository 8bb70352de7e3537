import { expect, test } from "vitest";
import { Backoff } from "./backoff.ts";

test("pauses double up to their bound, chance spreads them, and what the server assigns is taken as it is", () => {
  const worst = new Backoff({ leastMs: 100, mostMs: 1_000 }, () => 1);
  expect(Array.from({ length: 6 }, () => worst.next())).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  expect(worst.next(7_000)).toBe(7_000);
  worst.reset();
  expect(worst.next()).toBe(100);
  expect(new Backoff({ leastMs: 100, mostMs: 1_000 }, () => 0.25).next()).toBe(25);
});
