import { expect, test } from "vitest";
import { freePorts } from "./ports.ts";

test("whoever asks at once for ports in a row is given rows that do not meet", async () => {
  const rows = await Promise.all(Array.from({ length: 50 }, () => freePorts(40)));
  const sorted = [...rows].sort((a, b) => a - b);
  expect(sorted.slice(1).every((first, i) => first - sorted[i]! >= 40)).toBe(true);
});
