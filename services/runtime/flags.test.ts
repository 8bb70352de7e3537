import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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

describe("a secret", () => {
  const secret = { token: { type: "string", env: "FLAGS_TEST_TOKEN", secret: true, help: "three letters", matches: /^[a-z]{3}$/ } } as const satisfies Flags;
  const read = (variables: Readonly<Record<string, string>>, ...argv: string[]): string => {
    Object.assign(process.env, variables);
    try {
      return parseFlags(secret, argv).token;
    } finally {
      for (const name of Object.keys(variables)) delete process.env[name];
    }
  };
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "ringway-flags-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const file = async (text: string): Promise<string> => {
    await writeFile(join(folder, "token"), text);
    return join(folder, "token");
  };

  test("may stand in a file that its variable with _FILE names, the line's end left out", async () => {
    expect(read({ FLAGS_TEST_TOKEN_FILE: await file("abc\n") })).toBe("abc");
  });

  test("is the variable's own, where that is given too", async () => {
    expect(read({ FLAGS_TEST_TOKEN: "xyz", FLAGS_TEST_TOKEN_FILE: await file("abc") })).toBe("xyz");
  });

  test("is the file's where its variable is empty; an empty flag, or an empty variable alone, is what it says", async () => {
    const path = await file("abc");
    expect(read({ FLAGS_TEST_TOKEN: "", FLAGS_TEST_TOKEN_FILE: path })).toBe("abc");
    expect(() => read({ FLAGS_TEST_TOKEN_FILE: path }, "--token", "")).toThrow("--token: what it says is not valid");
    for (const none of [{}, { FLAGS_TEST_TOKEN_FILE: "" }]) expect(() => read({ FLAGS_TEST_TOKEN: "", ...none })).toThrow("--token: what it says is not valid");
  });

  test("is not shown where it is refused, and a file that can't be read is named", async () => {
    const path = await file("not three letters");
    expect(() => read({ FLAGS_TEST_TOKEN_FILE: path })).toThrow(new UsageError("--token: what it says is not valid: three letters"));
    expect(() => read({ FLAGS_TEST_TOKEN_FILE: `${path}-not` })).toThrow(new UsageError(`$FLAGS_TEST_TOKEN_FILE: ${path}-not cannot be read (ENOENT)`));
    expect(() => read({ FLAGS_TEST_TOKEN_FILE: "" })).toThrow("--token is required");
  });
});

test("help shows each flag with its range and default", () => {
  expect(describeFlags(flags)).toMatchInlineSnapshot(`
    "  --id TEXT            the ID
      --store lmdb|memory  engine (default lmdb)
      --ttl-ms N           time to live (500..60000; default 2000)
      --dev                demo users"
  `);
});
