import { expect, test } from "vitest";
import { limits } from "./limits.ts";
import { nestedTooDeep } from "./nesting.ts";

const nested = (depth: number): string => `{"text":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;

test("JSON may nest as deep as the limit and no deeper", () => {
  expect(nestedTooDeep(nested(limits.jsonDepth))).toBe(false);
  expect(nestedTooDeep(nested(limits.jsonDepth + 1))).toBe(true);
  expect(nestedTooDeep("[{".repeat(30_000))).toBe(true);
});

test("brackets in strings and side by side do not count", () => {
  expect(nestedTooDeep(JSON.stringify({ text: '["{'.repeat(1_000) }))).toBe(false);
  expect(nestedTooDeep(JSON.stringify(Array.from({ length: 1_000 }, () => [{}])))).toBe(false);
});
