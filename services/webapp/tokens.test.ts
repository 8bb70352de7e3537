import { expect, test } from "vitest";
import { openMemoryDirectory } from "../store/memory-directory.ts";
import { startFixture } from "../../test/webapp/fixture.ts";
import { devTokens, seedDev } from "./dev.ts";
import { hashToken, issueToken, revokeToken } from "./tokens.ts";

test("a token is stored as its hash only, for a user who is created where the name is new", async () => {
  const directory = openMemoryDirectory();
  const { token: first } = await issueToken(directory, { name: "rosalind", label: "laptop" }, 1);
  const { token: second } = await issueToken(directory, { name: "rosalind", label: "phone" }, 2);
  expect(first).toMatch(/^xoxp-[0-9a-f]{40}$/);
  const tokens = await directory.tokens();
  expect(JSON.stringify(tokens)).not.toContain(first.slice(5));
  expect(tokens.map((token) => token.hash).sort()).toEqual([hashToken(first), hashToken(second)].sort());
  expect(new Set(tokens.map((token) => token.user)).size).toBe(1);
});

test("a bot's ID is its user's with the letter B", async () => {
  const directory = openMemoryDirectory();
  expect((await issueToken(directory, { name: "helper", bot: true }, 1)).token).toMatch(/^xoxb-/);
  const user = await directory.userByName("helper");
  expect(user?.botId).toBe(`B${user?.id.slice(1)}`);
  await expect(issueToken(directory, { name: "helper", bot: false }, 2)).rejects.toThrow("helper is a bot, not a person");
  await expect(issueToken(directory, { name: "Helper!" }, 2)).rejects.toThrow("is no user name");
});

test("an issued token works without development mode, until it is revoked by itself or by its hash", async () => {
  const it = await startFixture([]);
  try {
    const [one, two] = await Promise.all(["one", "two"].map((name) => issueToken(it.directory, { name }, 1)));
    expect(await it.call(one?.token, "auth.test")).toMatchObject({ ok: true, user: "one" });
    expect(await revokeToken(it.directory, one!.token)).toBe(true);
    expect(await revokeToken(it.directory, two!.hash)).toBe(true);
    expect(await revokeToken(it.directory, "xoxp-unknown")).toBe(false);
    for (const issued of [one, two]) expect(await it.call(issued?.token, "auth.test")).toMatchObject({ ok: false, error: "invalid_auth" });
  } finally {
    await it.stop();
  }
});

test("a data folder that development mode has seeded refuses the development tokens afterwards", async () => {
  const directory = openMemoryDirectory();
  await seedDev(directory, 0);
  const it = await startFixture([], directory);
  try {
    expect(await directory.tokens()).toEqual([]);
    for (const token of Object.keys(devTokens)) expect(await it.call(token, "auth.test")).toMatchObject({ ok: false, error: "invalid_auth" });
  } finally {
    await it.stop();
  }
});

test("seeding twice changes nothing", async () => {
  const directory = openMemoryDirectory();
  await seedDev(directory, 1);
  await directory.change({ channel: "C0RANDOM", user: "U0LINUS", member: false, key: "k1" });
  await seedDev(directory, 2);
  expect(await directory.isMember("C0RANDOM", "U0LINUS")).toBe(false);
  expect(await directory.user("U0ADA")).toMatchObject({ createdAt: 1 });
});
