import { expect, test } from "vitest";
import { describeFlags, parseFlags, UsageError, type Flags } from "./flags.ts";

const flags = {
  id: { type: "string", help: "the ID", matches: /^[a-z]+$/ },
  store: { type: "string", default: "lmdb", oneOf: ["lmdb", "memory"], help: "engine" },
  "ttl-ms": { type: "number", default: 2000, min: 500, max: 60_000, help: "time to live" },
  dev: { type: "boolean", help: "demo users" },
} as const satisfies Flags;

test("flags are read by their table, with defaults and in camelCase", () => {
  expect(parseFlags(flags, ["--id", "gw", "--dev"])).toEqual({ _: [], id: "gw", store: "lmdb", ttlMs: 2000, dev: true });
});

test.each([
  [[], "--id is required"],
  [["--id", "GW"], "--id: 'GW' is not valid"],
  [["--id", "a", "--store", "disk"], "--store must be one of lmdb, memory, not 'disk'"],
  [["--id", "a", "--ttl-ms", "1"], "--ttl-ms must be a whole number from 500 to 60000, not '1'"],
  [["--id", "a", "--ttl-ms", "1.5e3x"], "--ttl-ms must be a whole number"],
  [["--id", "a", "--ttl-ms", ""], "--ttl-ms must be a whole number"],
  [["--id", "a", "--nope"], "Unknown option '--nope'"],
  [["--id", "a", "b"], "Unexpected argument 'b'"],
  [["--id"], "argument missing"],
])("%j is refused with one line that names the flag", (argv, message) => {
  const failed = (): unknown => parseFlags(flags, argv);
  expect(failed).toThrow(UsageError);
  expect(failed).toThrow(message);
});

test("a flag that is absent comes from its environment variable", () => {
  process.env["FLAGS_TEST_KEY"] = "abc";
  try {
    expect(parseFlags({ key: { type: "string", default: "x", env: "FLAGS_TEST_KEY", help: "key" } }, []).key).toBe("abc");
  } finally {
    delete process.env["FLAGS_TEST_KEY"];
  }
});

test("help shows each flag with its range and default", () => {
  expect(describeFlags(flags)).toMatchInlineSnapshot(`
    "  --id TEXT            the ID
      --store lmdb|memory  engine (default lmdb)
      --ttl-ms N           time to live (500..60000; default 2000)
      --dev                demo users"
  `);
});
