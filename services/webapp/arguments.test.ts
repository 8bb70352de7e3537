import { expect, test } from "vitest";
import { readArguments, type Arguments } from "./arguments.ts";
import { ApiError } from "./errors.ts";

const failure = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return [error.code, (error.extra["response_metadata"] as { messages: string[] } | undefined)?.messages];
  }
};

test("every missing argument is named", () => {
  const table = { channel: { kind: "text", required: true }, ts: { kind: "ts", required: true }, limit: { kind: "int", min: 1, max: 9, default: 5 } } as const;
  expect(failure(() => readArguments(table, { channel: "" }))).toEqual(["invalid_arguments", ["[ERROR] missing required field: channel", "[ERROR] missing required field: ts"]]);
  expect(readArguments(table, { channel: "C1", ts: 1.5, other: 1 })).toEqual({ channel: "C1", ts: "1.500000", limit: 5 });
});

test.each([
  [{ kind: "bool" }, [true, "1", "true", 0, "False"], [true, true, true, false, false]],
  [{ kind: "int", min: 0, max: 10 }, ["10", 3, " 7 "], [10, 3, 7]],
  [{ kind: "ts" }, ["1700000000.000100", "1700000000.0001", 1700000000], ["1700000000.000100", "1700000000.000100", "1700000000.000000"]],
  [{ kind: "list", maxItems: 3 }, ["a, b", ["a", "b"], ","], [["a", "b"], ["a", "b"], []]],
  [{ kind: "array" }, ["[1]", [1]], [[1], [1]]],
  [{ kind: "object" }, ['{"a":1}', { a: 1 }], [{ a: 1 }, { a: 1 }]],
] as const)("%j takes what forms and JSON send", (argument, given, values) => {
  expect(given.map((value) => readArguments({ a: argument }, { a: value }).a)).toEqual(values);
});

test.each([
  [{ kind: "text", maxChars: 3 }, ["abcd", {}, ["a"]]],
  [{ kind: "bool" }, ["yes", {}, 2]],
  [{ kind: "int", min: 0, max: 10 }, ["11", "-1", "1.5", "x", " ", {}, true]],
  [{ kind: "ts" }, ["yesterday", "1.1234567", "-1", {}, "1e9"]],
  [{ kind: "list", maxItems: 3 }, ["a,b,c,d", [1], {}]],
  [{ kind: "array" }, ["{}", "[", 1]],
  [{ kind: "object" }, ["[]", "{", 1, "null"]],
] as const)("%j refuses what is not one", (argument, given) => {
  for (const value of given) {
    expect(failure(() => readArguments({ a: argument }, { a: value })), JSON.stringify(value)).toMatchObject(["invalid_arguments", [expect.stringMatching(/^\[ERROR\] a /)]]);
  }
});

test("an argument may have an error of its own", () => {
  expect(failure(() => readArguments({ a: { kind: "int", min: 0, max: 1, error: "invalid_limit" } }, { a: 2 }))).toEqual(["invalid_limit", undefined]);
});

test("names that objects inherit are no arguments", () => {
  const table = Object.fromEntries([["constructor", { kind: "text" }]]) as Arguments;
  expect(readArguments(table, {})).toEqual({ ["constructor"]: undefined });
});
