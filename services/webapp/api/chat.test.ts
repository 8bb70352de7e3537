import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { StoreUnavailable } from "../../store/log.ts";
import { ada, grace, linus, robot, startFixture, type Fixture } from "../../../test/webapp/fixture.ts";

let it: Fixture;
beforeAll(async () => void (it = await startFixture()));
afterAll(() => it.stop());

test("a message is published with a fresh key each time, or with the client's own", async () => {
  const plain = [await it.call(ada, "chat.postMessage", { channel: "C0GENERAL", text: "same" }), await it.call(ada, "chat.postMessage", { channel: "C0GENERAL", text: "same" })];
  expect(plain[0]?.ts).not.toBe(plain[1]?.ts);
  const keyed = [1, 2].map(() => it.call(ada, "chat.postMessage", { channel: "C0GENERAL", text: "once", client_msg_id: "k-1" }));
  const [first, second] = await Promise.all(keyed);
  expect(first?.ts).toBe(second?.ts);
});

test("while nobody takes the message it is tried again with the same key", async () => {
  it.mesh.fail("misdirected", 1);
  it.mesh.fail("unavailable", 1);
  it.mesh.fail("store_unavailable", 1);
  const before = it.mesh.attempts.length;
  expect(await it.call(ada, "chat.postMessage", { channel: "C0GENERAL", text: "persistent" })).toMatchObject({ ok: true });
  const keys = it.mesh.attempts.slice(before).map(({ key }) => key);
  expect([keys.length, new Set(keys).size]).toEqual([4, 1]);
});

test("a message whose answer was cut off is not doubled", async () => {
  it.mesh.fail("cut", 1);
  expect(await it.call(ada, "chat.postMessage", { channel: "C0RANDOM", text: "torn" })).toMatchObject({ ok: true, message: { text: "torn" } });
  const history = await it.call(ada, "conversations.history", { channel: "C0RANDOM" });
  expect(history.messages?.map(({ text }) => text)).toEqual(["torn"]);
});

test("a channel that takes no more becomes 429 with the owner's Retry-After", async () => {
  it.mesh.limit(7);
  const response = await fetch(`${it.url}/api/chat.postMessage?channel=C0GENERAL&text=x&token=${ada}`);
  expect([response.status, response.headers.get("retry-after"), await response.json()]).toEqual([429, "7", { ok: false, error: "ratelimited" }]);
});

test("an answer of the mesh that makes no sense is an internal error, and the next call works", async () => {
  it.mesh.fail("internal", 1);
  expect(await it.call(ada, "chat.postMessage", { channel: "C0GENERAL", text: "x" })).toEqual({ ok: false, error: "internal_error" });
  expect(await it.call(ada, "chat.postMessage", { channel: "C0GENERAL", text: "x" })).toMatchObject({ ok: true });
});

test.each([
  [{ channel: "C0GENERAL" }, "no_text"],
  [{ channel: "C0GENERAL", text: "" }, "no_text"],
  [{ channel: "C0GENERAL", blocks: [] }, "no_text"],
  [{ channel: "C0GENERAL", blocks: "[" }, "invalid_blocks_format"],
  [{ channel: "C0GENERAL", attachments: "{}" }, "invalid_attachments"],
  [{ channel: "C0GENERAL", text: "x".repeat(40_001) }, "msg_too_long"],
  [{ channel: "C0NOWHERE", text: "x" }, "channel_not_found"],
  [{ channel: "U0NOBODY", text: "x" }, "channel_not_found"],
  [{ channel: "../../x", text: "x" }, "channel_not_found"],
  [{ channel: "#nowhere", text: "x" }, "channel_not_found"],
  [{ text: "x" }, "invalid_arguments"],
])("posting %j is refused", async (args, error) => {
  expect(await it.call(ada, "chat.postMessage", args)).toMatchObject({ ok: false, error });
});

test("blocks alone make a message; form clients send them as a string", async () => {
  const blocks = [{ type: "divider" }];
  expect(await it.call(robot, "chat.postMessage", { channel: "C0GENERAL", blocks: JSON.stringify(blocks) })).toMatchObject({ ok: true, message: { text: "", blocks } });
});

test("a message to a user's ID goes to the conversation of the two", async () => {
  const there = await it.call(ada, "chat.postMessage", { channel: "U0GRACE", text: "hi" });
  const back = await it.call(grace, "chat.postMessage", { channel: "U0ADA", text: "hi yourself" });
  expect(there.channel).toMatch(/^D[0-9A-F]{20}$/);
  expect(back.channel).toBe(there.channel);
  expect(await it.call(linus, "chat.postMessage", { channel: there.channel, text: "me too" })).toMatchObject({ ok: false, error: "channel_not_found" });
  expect(it.mesh.told("U0GRACE")).toEqual([`join ${String(there.channel)} after 0`, "im_created"]);
});

test("chat.meMessage marks its message", async () => {
  await it.call(ada, "chat.meMessage", { channel: "C0RANDOM", text: "waves" });
  expect(it.mesh.published("C0RANDOM").at(-1)).toMatchObject({ kind: "message", user: "U0ADA", draft: { text: "waves", subtype: "me_message" } });
});

test("only its author changes or deletes a message", async () => {
  const { ts } = await it.call(ada, "chat.postMessage", { channel: "C0RANDOM", text: "first" });
  expect(await it.call(grace, "chat.update", { channel: "C0RANDOM", ts, text: "mine" })).toMatchObject({ error: "cant_update_message" });
  expect(await it.call(grace, "chat.delete", { channel: "C0RANDOM", ts })).toMatchObject({ error: "cant_delete_message" });
  expect(await it.call(ada, "chat.update", { channel: "C0RANDOM", ts, text: "second" })).toMatchObject({ ok: true, channel: "C0RANDOM", ts, text: "second", message: { text: "second" } });
  expect(await it.call(ada, "chat.delete", { channel: "C0RANDOM", ts })).toEqual({ ok: true, channel: "C0RANDOM", ts });
  expect(await it.call(ada, "chat.delete", { channel: "C0RANDOM", ts })).toMatchObject({ error: "message_not_found" });
});

test("who left a channel can do nothing in it", async () => {
  const { ts } = await it.call(linus, "chat.postMessage", { channel: "C0RANDOM", text: "mine" });
  await it.call(linus, "conversations.leave", { channel: "C0RANDOM" });
  for (const [method, args] of [
    ["chat.postMessage", { text: "x" }],
    ["chat.meMessage", { text: "x" }],
    ["chat.update", { ts, text: "x" }],
    ["chat.delete", { ts }],
    ["reactions.add", { timestamp: ts, name: "eyes" }],
    ["conversations.history", {}],
    ["conversations.members", {}],
    ["conversations.mark", { ts }],
    ["conversations.invite", { users: "U0GRACE" }],
  ] as const) {
    expect(await it.call(linus, method, { channel: "C0RANDOM", ...args }), method).toMatchObject({ ok: false, error: "not_in_channel" });
  }
});

test("when nobody takes it for five seconds it is service_unavailable with Retry-After, and says what was missing", async () => {
  it.mesh.fail("store_unavailable", 1_000);
  const response = await fetch(`${it.url}/api/chat.postMessage?channel=C0GENERAL&text=x&token=${ada}`);
  expect([response.status, response.headers.get("retry-after"), await response.json()]).toEqual([200, "1", { ok: false, error: "service_unavailable", x_reason: "store_unavailable" }]);
}, 20_000);

test("a store that does not answer is not called a channel that does not exist", async () => {
  const { directory } = it;
  const user = directory.user.bind(directory);
  const failing = vi.spyOn(directory, "user").mockImplementation((id) => (id === "U0GRACE" ? Promise.reject(new StoreUnavailable("gone")) : user(id)));
  expect(await it.call(ada, "chat.postMessage", { channel: "U0GRACE", text: "x" })).toMatchObject({ ok: false, error: "service_unavailable", x_reason: "store_unavailable" });
  failing.mockRestore();
});
