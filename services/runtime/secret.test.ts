import { mkdtemp, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { mount } from "../../test/engines/authority.ts";
import { Secret } from "./secret.ts";

let folder: string;
let warnings: string[];
let now = 0;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ringway-secret-"));
  warnings = [];
  vi.spyOn(process, "emitWarning").mockImplementation((warning) => void warnings.push(String(warning)));
  vi.spyOn(performance, "now").mockImplementation(() => now);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});
const aSecondLater = (): number => (now += 1_000);

test("a secret that was given stays as it is, and passes on as a variable", () => {
  expect(Secret.given("abc").current()).toBe("abc");
  expect(Secret.given("abc").environment("TOKEN")).toEqual({ TOKEN: "abc" });
  expect(Secret.given("").environment("TOKEN")).toEqual({});
});

test("a file is read again when it was written anew, at most once a second, and passes on by its name", async () => {
  const path = join(folder, "token");
  await writeFile(path, "first\n");
  const secret = Secret.inFile(path);
  expect(secret.current()).toBe("first");
  await writeFile(path, "the second\n");
  expect(secret.current()).toBe("first");
  aSecondLater();
  expect(secret.current()).toBe("the second");
  expect(secret.environment("TOKEN")).toEqual({ TOKEN_FILE: path });
});

test("a link on the way to it that is swapped is seen", async () => {
  await mount(folder, { token: "first" });
  const secret = Secret.inFile(join(folder, "token"));
  await mount(folder, { token: "other" });
  aSecondLater();
  expect(secret.current()).toBe("other");
});

test("a file that is away, empty or of another shape leaves the last one, with one warning that does not tell it", async () => {
  const path = join(folder, "token");
  await writeFile(path, "abc");
  const secret = Secret.inFile(path, /^[a-z]*$/);
  const says = (): string => {
    aSecondLater();
    return secret.current();
  };
  await writeFile(path, "");
  expect([says(), says()]).toEqual(["abc", "abc"]);
  await writeFile(path, "NOT THIS");
  expect([says(), says()]).toEqual(["abc", "abc"]);
  await unlink(path);
  expect([says(), says()]).toEqual(["abc", "abc"]);
  const invalid = `${path}: what it says now is not valid; the secret stays as it was`;
  expect(warnings).toEqual([invalid, invalid, `${path} cannot be read (ENOENT); the secret stays as it was`]);
  await writeFile(path, "new");
  expect(says()).toBe("new");
});
