import { afterAll, beforeAll, expect, test } from "vitest";
import { ada, grace, robot, startFixture, type Fixture } from "../../../test/webapp/fixture.ts";

let it: Fixture;
beforeAll(async () => void (it = await startFixture()));
afterAll(() => it.stop());

test("users.list answers with everybody, or in pages", async () => {
  const all = await it.call(ada, "users.list");
  expect(all.members).toMatchObject([{ name: "ada" }, { name: "grace" }, { name: "linus" }, { name: "margaret" }, { name: "robot", is_bot: true, profile: { bot_id: "B0ROBOT" } }]);
  expect(all.response_metadata?.next_cursor).toBe("");
  const first = await it.call(ada, "users.list", { limit: 3 });
  const second = await it.call(ada, "users.list", { limit: 3, cursor: first.response_metadata?.next_cursor });
  expect([first.members?.length, second.members?.length, second.response_metadata?.next_cursor]).toEqual([3, 2, ""]);
});

test("users.info and bots.info know who is who", async () => {
  expect(await it.call(robot, "users.info", { user: "U0ADA" })).toMatchObject({ ok: true, user: { id: "U0ADA", real_name: "Ada Lovelace", is_bot: false, team_id: "T0RINGWAY" } });
  expect(await it.call(ada, "bots.info", { bot: "B0ROBOT" })).toMatchObject({ ok: true, bot: { id: "B0ROBOT", user_id: "U0ROBOT", name: "robot" } });
  expect(await it.call(ada, "bots.info", { bot: "B0ADA" })).toMatchObject({ error: "bot_not_found" });
  expect(await it.call(ada, "users.info", { user: "U0NOBODY" })).toMatchObject({ error: "user_not_found" });
});

test("a manual away is kept and told to the presence server; others see only the outcome", async () => {
  expect(await it.call(ada, "users.setPresence", { presence: "away" })).toEqual({ ok: true });
  const chosen = await it.directory.user("U0ADA");
  expect(chosen).toMatchObject({ manualAway: true, manualAwayAt: expect.toSatisfy((at: number) => at > 1_700_000_000_000) });
  expect(it.mesh.published("U0ADA").at(-1)).toMatchObject({ kind: "control", control: { presence: "away", at: chosen!.manualAwayAt } });
  expect(await it.call(ada, "users.getPresence")).toEqual({ ok: true, presence: "away", online: true, manual_away: true, auto_away: false });
  expect(await it.call(grace, "users.getPresence", { user: "U0ADA" })).toEqual({ ok: true, presence: "away" });
  expect(await it.call(ada, "users.setPresence", { presence: "auto" })).toEqual({ ok: true });
  expect((await it.directory.user("U0ADA"))!.manualAwayAt).toBeGreaterThan(chosen!.manualAwayAt);
  expect(await it.call(grace, "users.getPresence", { user: "U0ADA" })).toEqual({ ok: true, presence: "active" });
  expect(await it.call(ada, "users.setPresence", { presence: "busy" })).toMatchObject({ error: "invalid_presence" });
});

test("team.info names the workspace", async () => {
  expect(await it.call(ada, "team.info")).toMatchObject({ ok: true, team: { id: "T0RINGWAY", name: "Ringway", domain: "ringway" } });
});

test("a reaction is there once", async () => {
  const { ts } = await it.call(ada, "chat.postMessage", { channel: "C0GENERAL", text: "look" });
  const reaction = { channel: "C0GENERAL", timestamp: ts, name: "thumbsup" };
  expect(await it.call(grace, "reactions.remove", reaction)).toMatchObject({ error: "no_reaction" });
  expect(await it.call(grace, "reactions.add", { ...reaction, name: ":thumbsup:" })).toEqual({ ok: true });
  expect(await it.call(grace, "reactions.add", reaction)).toMatchObject({ error: "already_reacted" });
  expect(await it.call(grace, "reactions.remove", reaction)).toEqual({ ok: true });
  expect(await it.call(grace, "reactions.add", { ...reaction, name: "No Name" })).toMatchObject({ error: "invalid_name" });
  expect(await it.call(grace, "reactions.add", { ...reaction, timestamp: "1.000000" })).toMatchObject({ error: "message_not_found" });
  expect(await it.call(grace, "reactions.add", { ...reaction, timestamp: "x" })).toMatchObject({ error: "bad_timestamp" });
});
