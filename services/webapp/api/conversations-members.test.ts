import { afterAll, beforeAll, expect, test } from "vitest";
import { ask } from "../../runtime/request.ts";
import { ada, grace, linus, startFixture, type Fixture } from "../../../test/webapp/fixture.ts";

let it: Fixture;
beforeAll(async () => void (it = await startFixture()));
afterAll(() => it.stop());

const create = async (name: string, isPrivate = false): Promise<string> => (await it.call(ada, "conversations.create", { name, is_private: isPrivate })).channel!.id;
/** All that a user was told of a channel. */
const toldOf = (user: string, channel: string): string[] => {
  const about = it.mesh.published(user).map((publish) => JSON.stringify(publish).includes(channel));
  return it.mesh.told(user).filter((_, i) => about[i]);
};
/** What is unsettled is looked for every 2 s. */
const patience = { timeout: 15_000 };

test("a new channel holds its creator, whose gateways are told to subscribe", async () => {
  const id = await create("fresh");
  expect(id).toMatch(/^C[A-Z2-7]{10}$/);
  expect(it.mesh.published(id)).toMatchObject([{ kind: "event", event: { type: "member_joined_channel", user: "U0ADA", channel: id } }]);
  expect(toldOf("U0ADA", id)).toEqual([`join ${id} after 1`, "channel_joined"]);
  expect(await it.directory.channelsOf("U0ADA")).toContain(id);
});

test.each([
  ["", "invalid_arguments"],
  ["Upper", "invalid_name_specials"],
  ["two words", "invalid_name_specials"],
  ["---", "invalid_name_punctuation"],
  ["x".repeat(81), "invalid_name_maxlength"],
  ["general", "name_taken"],
])("the name '%s' is %s", async (name, error) => {
  expect(await it.call(ada, "conversations.create", { name })).toMatchObject({ ok: false, error });
});

test("of two who create one name at once, one gets it", async () => {
  const answers = await Promise.all([it.call(ada, "conversations.create", { name: "race" }), it.call(grace, "conversations.create", { name: "race" })]);
  expect(answers.map((answer) => answer.error ?? "ok").sort()).toEqual(["name_taken", "ok"]);
});

test("joining: the directory, then the channel, then the user's own stream from that event on", async () => {
  const id = await create("joinable");
  await it.call(ada, "chat.postMessage", { channel: id, text: "before" });
  expect(await it.call(grace, "conversations.history", { channel: id })).toMatchObject({ error: "not_in_channel" });
  expect(await it.call(grace, "conversations.join", { channel: id })).toMatchObject({ ok: true, channel: { id, is_member: true } });
  expect(it.mesh.published(id).at(-1)).toMatchObject({ event: { type: "member_joined_channel", user: "U0GRACE" } });
  expect(toldOf("U0GRACE", id)).toEqual([`join ${id} after 3`, "channel_joined"]);
  expect(await it.call(grace, "conversations.join", { channel: id })).toMatchObject({ ok: true, warning: "already_in_channel" });
  expect(it.mesh.published(id)).toHaveLength(3);
  expect((await it.call(grace, "conversations.history", { channel: id })).messages).toHaveLength(1);
});

test("leaving tells the channel and then the user's gateways", async () => {
  const id = await create("leavable");
  await it.call(grace, "conversations.join", { channel: id });
  expect(await it.call(grace, "conversations.leave", { channel: id })).toEqual({ ok: true });
  expect(it.mesh.published(id).at(-1)).toMatchObject({ event: { type: "member_left_channel", user: "U0GRACE" } });
  expect(toldOf("U0GRACE", id).slice(-2)).toEqual([`leave ${id}`, "channel_left"]);
  expect(await it.call(grace, "conversations.leave", { channel: id })).toEqual({ ok: true, not_in_channel: true });
});

test("a change that can't be announced stands, and a repeated call announces it once", async () => {
  const id = await create("shaky");
  it.mesh.fail("internal", 1);
  expect(await it.call(grace, "conversations.join", { channel: id })).toMatchObject({ ok: false });
  expect(await it.directory.isMember(id, "U0GRACE")).toBe(true);
  expect(await it.call(grace, "conversations.join", { channel: id })).toMatchObject({ ok: true });
  it.mesh.fail("internal", 1, 1);
  expect(await it.call(grace, "conversations.leave", { channel: id })).toMatchObject({ ok: false });
  expect(await it.directory.isMember(id, "U0GRACE")).toBe(false);
  expect(await it.call(grace, "conversations.leave", { channel: id })).toMatchObject({ ok: true });
  expect(it.mesh.published(id).slice(1)).toMatchObject([{ event: { type: "member_joined_channel" } }, { event: { type: "member_left_channel" } }]);
  expect(toldOf("U0GRACE", id)).toEqual([`join ${id} after 2`, "channel_joined", `leave ${id}`, "channel_left"]);
});

test("a change that can't be announced is announced later, though nobody repeats it", async () => {
  const id = await create("silent");
  it.mesh.fail("internal", 1, 2);
  expect(await it.call(grace, "conversations.join", { channel: id })).toMatchObject({ ok: false });
  expect(toldOf("U0GRACE", id)).toEqual([`join ${id} after 2`]);
  await expect.poll(() => toldOf("U0GRACE", id), patience).toEqual([`join ${id} after 2`, "channel_joined"]);
  await expect.poll(() => it.directory.unsettled(["", ""], 1), patience).toEqual([]);
});

test("the next change of a pair is made after the one before it was announced", async () => {
  const id = await create("turning");
  it.mesh.fail("internal", 2, 1);
  for (const method of ["conversations.join", "conversations.leave"]) expect(await it.call(grace, method, { channel: id })).toMatchObject({ ok: false });
  expect(await it.call(grace, "conversations.leave", { channel: id })).toMatchObject({ ok: true });
  expect(toldOf("U0GRACE", id)).toEqual([`join ${id} after 2`, "channel_joined", `leave ${id}`, "channel_left"]);
});

test("an announcement that is carried out when its caller has given it up changes nothing any more", async () => {
  const id = await create("late");
  it.mesh.fail("internal", 1, 1);
  expect(await it.call(grace, "conversations.join", { channel: id })).toMatchObject({ ok: false });
  const late = it.mesh.attempts.findLast((publish) => publish.kind === "control");
  expect(late).toMatchObject({ control: { join: id } });
  expect(await it.call(grace, "conversations.leave", { channel: id })).toMatchObject({ ok: true });
  expect((await ask(`${it.mesh.url}/v1/channels/U0GRACE/messages`, { method: "POST", body: late })).json).toMatchObject({ duplicate: true });
  expect(toldOf("U0GRACE", id).findLast((line) => line.includes(id))).toBe(`leave ${id}`);
  expect(await it.directory.isMember(id, "U0GRACE")).toBe(false);
});

test("of joins and leaves at once, the last control says what the directory says", async () => {
  const id = await create("crossing");
  for (let round = 0; round < 5; round++) {
    await Promise.all(["join", "leave", "join", "leave", "join", "leave"].map((change) => it.call(grace, `conversations.${change}`, { channel: id })));
    const controls = toldOf("U0GRACE", id).filter((line) => line.includes(id)).map((line) => line.split(" ")[0]);
    expect(controls.every((control, i) => control === (i % 2 === 0 ? "join" : "leave"))).toBe(true);
    expect(controls.at(-1)).toBe((await it.directory.isMember(id, "U0GRACE")) ? "join" : "leave");
    const [left, joined] = ["member_left_channel", "member_joined_channel"];
    expect(it.mesh.published(id).at(-1)).toMatchObject({ event: { type: controls.at(-1) === "join" ? joined : left } });
  }
  // They took turns: nobody announced the other one's change beside its own.
  const keys = it.mesh.attempts.filter((publish) => publish.kind === "control" && JSON.stringify(publish).includes(id)).map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
});

test("a creator is given the channel once its name is spent, and told of it later where that fails", async () => {
  it.mesh.fail("internal", 1, 2);
  const made = await it.call(ada, "conversations.create", { name: "spent" });
  expect(made).toMatchObject({ ok: true, channel: { name: "spent", is_member: true } });
  await expect.poll(() => toldOf("U0ADA", made.channel!.id), patience).toEqual([`join ${made.channel!.id} after 1`, "channel_joined"]);
});

test("a channel that the mesh does not take spends no name", async () => {
  it.mesh.fail("internal", 1);
  expect(await it.call(ada, "conversations.create", { name: "unlucky" })).toMatchObject({ ok: false });
  expect(await it.call(ada, "conversations.create", { name: "unlucky" })).toMatchObject({ ok: true });
});

test("a private channel is entered by invitation only", async () => {
  const id = await create("inner", true);
  for (const method of ["conversations.join", "conversations.info", "conversations.leave"]) expect(await it.call(grace, method, { channel: id })).toMatchObject({ error: "channel_not_found" });
  expect(await it.call(grace, "conversations.invite", { channel: id, users: "U0GRACE" })).toMatchObject({ error: "channel_not_found" });
  expect(await it.call(ada, "conversations.invite", { channel: id, users: "U0GRACE,U0LINUS" })).toMatchObject({ ok: true, channel: { id } });
  expect(it.mesh.published(id).slice(1)).toMatchObject([{ event: { user: "U0GRACE", inviter: "U0ADA" } }, { event: { user: "U0LINUS", inviter: "U0ADA" } }]);
  expect(toldOf("U0LINUS", id)).toEqual([`join ${id} after 3`, "group_joined"]);
  expect(await it.call(linus, "conversations.info", { channel: id })).toMatchObject({ ok: true, channel: { is_private: true } });
});

test.each([
  ["U0ADA", "cant_invite_self"],
  ["U0NOBODY", "user_not_found"],
  ["U0GRACE", "already_in_channel"],
])("inviting %s to general is %s", async (users, error) => {
  expect(await it.call(ada, "conversations.invite", { channel: "C0GENERAL", users })).toMatchObject({ ok: false, error });
});

test("only a channel's creator removes others", async () => {
  const id = await create("guarded");
  await it.call(ada, "conversations.invite", { channel: id, users: "U0GRACE,U0LINUS" });
  expect(await it.call(grace, "conversations.kick", { channel: id, user: "U0LINUS" })).toMatchObject({ error: "restricted_action" });
  expect(await it.call(ada, "conversations.kick", { channel: id, user: "U0ADA" })).toMatchObject({ error: "cant_kick_self" });
  expect(await it.call(ada, "conversations.kick", { channel: id, user: "U0LINUS" })).toEqual({ ok: true });
  expect(await it.call(ada, "conversations.kick", { channel: id, user: "U0LINUS" })).toMatchObject({ error: "not_in_channel" });
  expect(await it.call(linus, "chat.postMessage", { channel: id, text: "x" })).toMatchObject({ error: "not_in_channel" });
});

test("who is in a direct conversation never changes", async () => {
  const id = (await it.call(ada, "conversations.open", { users: "U0GRACE" })).channel!.id;
  for (const [method, args] of [["conversations.join", {}], ["conversations.leave", {}], ["conversations.invite", { users: "U0LINUS" }], ["conversations.kick", { user: "U0GRACE" }]] as const) {
    expect(await it.call(ada, method, { channel: id, ...args })).toMatchObject({ error: "method_not_supported_for_channel_type" });
  }
});
