import { afterAll, beforeAll, expect, test } from "vitest";
import { ada, grace, linus, margaret, startFixture, type ApiJson, type Fixture } from "../../../test/webapp/fixture.ts";

let it: Fixture;
beforeAll(async () => void (it = await startFixture()));
afterAll(() => it.stop());

/** Every page of a method, each with at most `limit` items. */
async function pages(token: string, method: string, args: Readonly<Record<string, unknown>>): Promise<ApiJson[]> {
  const all: ApiJson[] = [];
  for (let cursor = ""; all.length < 50; ) {
    const page = await it.call(token, method, { ...args, cursor });
    expect(page.ok).toBe(true);
    all.push(page);
    cursor = page.response_metadata?.next_cursor ?? "";
    if (cursor === "") break;
  }
  return all;
}

test("history pages through every message once, newest first", async () => {
  const sent: (string | undefined)[] = [];
  for (let i = 0; i < 25; i++) sent.push((await it.call(ada, "chat.postMessage", { channel: "C0GENERAL", text: `m${i}` })).ts);
  const all = await pages(grace, "conversations.history", { channel: "C0GENERAL", limit: 10 });
  expect(all.map((page) => [page.messages?.length, page["has_more"]])).toEqual([[10, true], [10, true], [5, false]]);
  expect(all.flatMap((page) => page.messages!.map(({ ts }) => ts))).toEqual(sent.toReversed());

  const between = await pages(grace, "conversations.history", { channel: "C0GENERAL", limit: 2, inclusive: true, oldest: sent[3], latest: sent[8] });
  expect(between.flatMap((page) => page.messages!.map(({ ts }) => ts))).toEqual(sent.slice(3, 9).toReversed());
  const exclusive = await it.call(grace, "conversations.history", { channel: "C0GENERAL", oldest: sent[3], latest: sent[8] });
  expect(exclusive.messages).toHaveLength(4);
});

test.each([
  [{ cursor: "rubbish" }, "invalid_cursor"],
  [{ cursor: Buffer.from("user:U1").toString("base64") }, "invalid_cursor"],
  [{ limit: 1_001 }, "invalid_limit"],
  [{ latest: "now" }, "invalid_ts_latest"],
  [{ oldest: "then" }, "invalid_ts_oldest"],
  [{ channel: "C0NOWHERE" }, "channel_not_found"],
])("history refuses %j", async (args, error) => {
  expect(await it.call(ada, "conversations.history", { channel: "C0GENERAL", ...args })).toMatchObject({ ok: false, error });
});

test("a listing shows public channels, and of private ones only one's own", async () => {
  const secret = (await it.call(ada, "conversations.create", { name: "secret", is_private: true })).channel!.id;
  const open = (await it.call(ada, "conversations.create", { name: "open" })).channel!.id;
  const im = (await it.call(ada, "conversations.open", { users: "U0GRACE" })).channel!.id;
  const list = async (token: string, types: string): Promise<string[]> => (await pages(token, "conversations.list", { types, limit: 1 })).flatMap((page) => page.channels!.map(({ id }) => id));
  const all = "public_channel,private_channel,im,mpim";
  expect(await list(ada, all)).toEqual(["C0GENERAL", "C0RANDOM", secret, open, im].sort());
  expect(await list(linus, all)).toEqual(["C0GENERAL", "C0RANDOM", open].sort());
  expect(await list(grace, "im")).toEqual([im]);
  expect(await list(linus, "im,private_channel")).toEqual([]);
  expect(await it.call(ada, "conversations.list", { types: "all" })).toMatchObject({ error: "invalid_types" });

  const seen = await it.call(linus, "conversations.list", {});
  expect(seen.channels?.find(({ id }) => id === open)).toMatchObject({ name: "open", is_member: false, is_private: false });
  expect((await it.call(linus, "users.conversations", { user: "U0ADA", types: all })).channels?.map(({ id }) => id)).toEqual(["C0GENERAL", "C0RANDOM", open].sort());
  expect((await it.call(ada, "users.conversations", { types: all })).channels).toHaveLength(5);
});

test("conversations.info shows a channel with one's own place in it, hides what is private", async () => {
  const { channel } = await it.call(ada, "conversations.info", { channel: "C0GENERAL", include_num_members: true });
  expect(channel).toMatchObject({ id: "C0GENERAL", name: "general", is_channel: true, is_private: false, is_member: true, is_general: true, num_members: 5, last_read: "0000000000.000000" });
  const im = (await it.call(ada, "conversations.open", { users: "U0GRACE", return_im: true })).channel!;
  expect(im).toMatchObject({ is_im: true, user: "U0GRACE" });
  expect((await it.call(grace, "conversations.info", { channel: im.id })).channel).toMatchObject({ is_im: true, user: "U0ADA" });
  expect(await it.call(linus, "conversations.info", { channel: im.id })).toMatchObject({ error: "channel_not_found" });
  expect(await it.call(linus, "conversations.members", { channel: im.id })).toMatchObject({ error: "channel_not_found" });
});

test("members come in pages", async () => {
  const all = await pages(ada, "conversations.members", { channel: "C0GENERAL", limit: 2 });
  expect(all.map((page) => page.members)).toEqual([["U0ADA", "U0GRACE"], ["U0LINUS", "U0MARGARET"], ["U0ROBOT"]]);
});

test("conversations.open finds the same conversation from both ends, and tells each member once", async () => {
  const there = await it.call(linus, "conversations.open", { users: "U0MARGARET" });
  expect(there).toMatchObject({ ok: true, channel: { id: expect.stringMatching(/^D/) } });
  const back = await it.call(margaret, "conversations.open", { users: "U0LINUS,U0MARGARET" });
  expect(back).toMatchObject({ ok: true, no_op: true, already_open: true, channel: { id: there.channel!.id } });
  expect(await it.call(margaret, "conversations.open", { channel: there.channel!.id })).toMatchObject({ ok: true, channel: { id: there.channel!.id } });
  for (const user of ["U0LINUS", "U0MARGARET"]) expect(it.mesh.told(user).filter((line) => line.includes(there.channel!.id) || line === "im_created")).toEqual([`join ${there.channel!.id} after 0`, "im_created"]);
});

test("an announcement that failed is made up for by opening the conversation again", async () => {
  it.mesh.fail("internal", 4);
  expect(await it.call(ada, "conversations.open", { users: "U0LINUS" })).toMatchObject({ ok: false });
  const opened = await settled(() => it.call(linus, "conversations.open", { users: "U0ADA" }));
  for (const user of ["U0ADA", "U0LINUS"]) expect(it.mesh.told(user).filter((line) => line.includes(opened.channel!.id))).toEqual([`join ${opened.channel!.id} after 0`]);
});

/** Calls until the prepared failures are used up. */
async function settled(call: () => Promise<ApiJson>): Promise<ApiJson> {
  for (let tries = 0; tries < 10; tries++) {
    const answer = await call();
    if (answer.ok) return answer;
  }
  throw new Error("never settled");
}

test("a conversation of three is an mpim; of one, with oneself", async () => {
  const three = await it.call(ada, "conversations.open", { users: "U0GRACE,U0LINUS", return_im: true });
  expect(three.channel).toMatchObject({ is_mpim: true, is_private: true, name: expect.stringMatching(/^mpdm-ada--grace--linus-/) });
  const self = await it.call(ada, "conversations.open", { users: "U0ADA", return_im: true });
  expect(self.channel).toMatchObject({ is_im: true, user: "U0ADA" });
});

test.each([
  [{}, "users_list_not_supplied"],
  [{ users: "U0NOBODY" }, "user_not_found"],
  [{ users: "C0GENERAL" }, "user_not_found"],
  [{ users: "U1,U2,U3,U4,U5,U6,U7,U8,U9" }, "too_many_users"],
  [{ channel: "C0GENERAL" }, "method_not_supported_for_channel_type"],
])("opening %j is refused", async (args, error) => {
  expect(await it.call(ada, "conversations.open", args)).toMatchObject({ ok: false, error });
});

test("conversations.mark keeps the place and tells the user's other sessions", async () => {
  expect(await it.call(ada, "conversations.mark", { channel: "C0RANDOM", ts: "1700000000.000100" })).toEqual({ ok: true });
  expect((await it.call(ada, "conversations.info", { channel: "C0RANDOM" })).channel).toMatchObject({ last_read: "1700000000.000100" });
  expect(it.mesh.published("U0ADA").at(-1)).toMatchObject({ kind: "event", event: { type: "channel_marked", channel: "C0RANDOM", ts: "1700000000.000100" } });
  expect(await it.call(ada, "conversations.mark", { channel: "C0RANDOM", ts: "x" })).toMatchObject({ error: "invalid_timestamp" });
});
