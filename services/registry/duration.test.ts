import { expect, test } from "vitest";
import { parseDuration } from "./duration.ts";

test.each([
  ["10s", 10_000],
  ["500ms", 500],
  ["1m30s", 90_000],
  ["1.5s", 1_500],
  ["2h", 7_200_000],
  ["0", 0],
])("%s is %d ms", (given, ms) => expect(parseDuration(given)).toBe(ms));

test.each(["", "10", "s", "-1s", "1 s", "ten", "1s2"])("'%s' is not a duration", (given) => expect(parseDuration(given)).toBeUndefined());
