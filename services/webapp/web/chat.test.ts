import { afterEach, expect, test, vi } from "vitest";
import { refusal, serveSmall, type SmallServer } from "../../../test/webapp/small-server.ts";
import { Chat } from "./chat.ts";

type Fields = Record<string, unknown>;

let server: SmallServer;
let chat: Chat;
afterEach(() => {
  chat.close();
  server.close();
});

/** Other tests may take both cores. */
const until = (check: () => void): Promise<void> => vi.waitFor(check, 15_000);
const ts = (n: number): string => `1700000000.${String(n).padStart(6, "0")}`;
const said = (channel: string, n: number, more = {}): Fields => ({ type: "message", channel, user: "U2", text: `${channel} ${n}`, ts: ts(n), x_off: n, ...more });
const channel = (id: string, more = {}): Fields => ({ id, name: id.toLowerCase(), is_member: true, ...more });

/** What the server keeps: tests change it. */
interface World {
  channels: Fields[];
  readonly history: Record<string, Fields[]>;
  readonly members: Record<string, string[]>;
}

/** A chat that is connected and has its list of channels, unless `answers` keep it from that. */
async function open(world: Partial<World> = {}, answers: Parameters<typeof serveSmall>[1] = {}): Promise<World> {
  const all: World = { channels: [channel("C1"), channel("C2")], history: {}, members: {}, ...world };
  server = await serveSmall("U1", {
    "users.list": () => ({ members: [{ id: "U2", name: "grace" }] }),
    "conversations.list": () => ({ channels: all.channels }),
    "conversations.info": () => ({ channel: { last_read: "0000000000.000000" } }),
    "conversations.members": ({ channel: id }) => ({ members: all.members[String(id)] ?? ["U1", "U2"] }),
    "conversations.history": ({ channel: id, latest = "9", limit }) => {
      const older = (all.history[String(id)] ?? []).filter((one) => String(one["ts"]) < String(latest)).reverse();
      return { messages: older.slice(0, Number(limit)), has_more: older.length > Number(limit) };
    },
    ...answers,
  });
  chat = new Chat(server.url, "t", "U1");
  await until(() => expect(chat.connection.phase).toBe("connected"));
  return all;
}
const settled = (): Promise<void> => until(() => expect([chat.channels.size > 0, chat.isReading("C1"), chat.members.has(chat.current!)]).toEqual([true, false, true]));
const texts = (id: string): string[] => (chat.timelines.get(id)?.stored ?? []).map(({ text }) => text);
const badges = (): Record<string, number> => Object.fromEntries([...chat.unread].map(([id, { list }]) => [id, list.size]));
/** Refuses so often, and answers then. */
function refusing(times: number, method: string, answer = refusal("ratelimited", 0.05)): void {
  const after = server.answers.get(method)!;
  server.answers.set(method, (args) => (times-- > 0 ? answer : after(args)));
}

test("what is read in two channels within a moment is marked in both", async () => {
  await open({ history: { C1: [said("C1", 1)], C2: [said("C2", 2)] } });
  await settled();
  chat.open("C2");
  await until(() => expect(texts("C2")).toEqual(["C2 2"]));
  chat.read("C1");
  chat.read("C2");
  await until(() => expect(server.argsOf("conversations.mark")).toHaveLength(2));
  expect(server.argsOf("conversations.mark")).toEqual([{ channel: "C1", ts: ts(1) }, { channel: "C2", ts: ts(2) }]);
});

test("what was read just before one signs out is marked", async () => {
  await open({ history: { C1: [said("C1", 1)] } });
  await settled();
  chat.read("C1");
  chat.close();
  await until(() => expect(server.argsOf("conversations.mark")).toEqual([{ channel: "C1", ts: ts(1) }]));
});

test("a mark that failed is sent again when the connection is back", async () => {
  await open({ history: { C1: [said("C1", 1)] } }, { "conversations.mark": () => refusal("service_unavailable") });
  await settled();
  chat.read("C1");
  await until(() => expect(server.argsOf("conversations.mark")).toHaveLength(1));
  server.answers.delete("conversations.mark");
  server.cut();
  await until(() => expect(server.argsOf("conversations.mark")).toHaveLength(2));
});

test("a gap whose history can't be read at first is filled all the same, and its unread messages are counted", async () => {
  const world = await open({ history: { C1: [said("C1", 1)], C2: [said("C2", 1)] } });
  await settled();
  chat.open("C2");
  await until(() => expect(badges()).toEqual({ C1: 1, C2: 1 }));
  await until(() => expect(texts("C2")).toEqual(["C2 1"]));
  world.history["C2"] = [1, 2, 3].map((n) => said("C2", n));
  refusing(3, "conversations.history");
  refusing(2, "conversations.info");
  server.send({ type: "x_gap", channel: "C2", head: 3 });
  await until(() => expect(texts("C2")).toEqual(["C2 1", "C2 2", "C2 3"]));
  await until(() => expect(badges()).toEqual({ C1: 1, C2: 3 }));
  await until(() => expect(chat.notice).toBe(""));
});

test("what could not be read is read when the connection is back", async () => {
  const world = await open({ history: { C1: [said("C1", 1)] } });
  await settled();
  const answer = server.answers.get("conversations.history")!;
  server.answers.set("conversations.history", () => refusal("service_unavailable"));
  world.history["C1"] = [said("C1", 1), said("C1", 2)];
  server.send({ type: "x_gap", channel: "C1", head: 2 });
  await until(() => expect(chat.notice).not.toBe(""));
  server.answers.set("conversations.history", answer);
  server.cut();
  await until(() => expect(texts("C1")).toEqual(["C1 1", "C1 2"]));
});

test("a first read that is refused is done again: the channels are there without the names, and these come later", async () => {
  let mayNames = false;
  await open({}, { "users.list": () => (mayNames ? { members: [{ id: "U2", name: "grace" }] } : refusal("ratelimited", 0.05)), "conversations.list": () => ({ channels: [channel("C1")] }) });
  await settled();
  expect([chat.current, chat.nameOf("U2")]).toEqual(["C1", "U2"]);
  mayNames = true;
  await until(() => expect(chat.nameOf("U2")).toBe("grace"));
});

test("a list of channels that is refused at first is there in the end", async () => {
  let refused = 0;
  await open({}, { "conversations.list": () => (refused++ < 2 ? refusal("ratelimited", 0.05) : { channels: [channel("C1")] }) });
  await settled();
  expect(chat.current).toBe("C1");
});

test("who was taken out of channels while the page was away sees them no more", async () => {
  const world = await open({ channels: [channel("C1"), channel("C2"), channel("G1", { is_private: true }), channel("D1", { is_im: true, user: "U2" })] });
  await settled();
  for (const id of ["C2", "G1", "D1"]) chat.open(id);
  await until(() => expect(chat.timelines.size).toBe(4));
  world.channels = [channel("C1"), channel("C2", { is_member: false }), channel("G2", { is_private: true })];
  server.send({ type: "x_gap", channel: "U1", head: 9 });
  await until(() => expect([...chat.channels.keys()]).toEqual(["C1", "C2", "G2"]));
  expect(chat.channels.get("C2")!.isMember).toBe(false);
  expect([...chat.timelines.keys()]).toEqual(["C1"]);
  await until(() => expect(badges()).toEqual({ C1: 0, G2: 0 }));
});

test("a channel that one joins while the list is on its way stays", async () => {
  const { channels } = await open();
  await settled();
  const release = Promise.withResolvers<void>();
  server.answers.set("conversations.list", async () => (await release.promise, { channels: [...channels, channel("C9")] }));
  chat.refresh();
  await until(() => expect(server.argsOf("conversations.list")).toHaveLength(2));
  server.send({ type: "group_joined", channel: channel("G1", { is_private: true }), x_chan: "U1", x_off: 5 });
  await until(() => expect(chat.channels.has("G1")).toBe(true));
  release.resolve();
  await until(() => expect(chat.channels.has("C9")).toBe(true));
  expect(chat.channels.has("G1")).toBe(true);
});

test("of a list that is too long to be read whole nothing is concluded about the rest", async () => {
  const world = await open({ channels: [channel("C1"), channel("G1", { is_private: true })] });
  await settled();
  world.channels = [channel("C1"), channel("C9")];
  server.answers.set("conversations.list", () => ({ channels: world.channels, response_metadata: { next_cursor: "more" } }));
  chat.refresh();
  await until(() => expect(chat.channels.has("C9")).toBe(true));
  expect(chat.channels.has("G1")).toBe(true);
});

test("a channel of which the server says that one is not in it is left", async () => {
  await open({ channels: [channel("C1"), channel("G1", { is_private: true })] });
  await settled();
  server.answers.set("conversations.history", () => refusal("channel_not_found"));
  chat.open("G1");
  await until(() => expect([...chat.channels.keys()]).toEqual(["C1"]));
});

test("after a gap the members are read again: now where they are shown, else when they are", async () => {
  const world = await open();
  await settled();
  chat.open("C2");
  await until(() => expect(chat.members.has("C2")).toBe(true));
  for (const id of ["C1", "C2"]) world.members[id] = ["U1", "U3"];
  for (const id of ["C1", "C2"]) server.send({ type: "x_gap", channel: id, head: 9 });
  await until(() => expect(chat.members.get("C2")).toEqual(["U1", "U3"]));
  expect(chat.members.has("C1")).toBe(false);
  chat.open("C1");
  await until(() => expect(chat.members.get("C1")).toEqual(["U1", "U3"]));
});

test("who switches between channels faster than the answers come sees each channel's own messages, read once", async () => {
  const ids = ["C1", "C2", "C3"];
  const held: (() => void)[] = [];
  const history = Object.fromEntries(ids.map((id) => [id, [said(id, 1)]]));
  await open({ channels: ids.map((id) => channel(id)), history });
  await settled();
  const answer = server.answers.get("conversations.history")!;
  server.answers.set("conversations.history", async (args) => {
    await new Promise<void>((resolve) => held.push(resolve));
    return answer(args);
  });
  const before = server.argsOf("conversations.history").length;
  for (const id of ["C2", "C3", "C1", "C2", "C3", "C2"]) chat.open(id);
  await until(() => expect(held).toHaveLength(2));
  // What happens meanwhile is in its own channel; the answers come the other way round.
  server.send(said("C3", 2));
  await until(() => expect(texts("C3")).toEqual(["C3 2"]));
  held[1]!();
  await until(() => expect([chat.isReading("C2"), chat.isReading("C3")].filter(Boolean)).toHaveLength(1));
  held[0]!();
  await until(() => expect([texts("C1"), texts("C2"), texts("C3")]).toEqual([["C1 1"], ["C2 1"], ["C3 1", "C3 2"]]));
  expect(chat.current).toBe("C2");
  expect(server.argsOf("conversations.history").length - before).toBe(2);
  await until(() => expect(ids.filter((id) => chat.members.has(id))).toEqual(ids));
  expect(server.argsOf("conversations.members")).toHaveLength(3);
});

test("a channel keeps its newest messages alone, but for who looks back; the older ones are read again", async () => {
  const all = Array.from({ length: 620 }, (_, i) => said("C1", i + 1));
  await open({ history: { C1: all.slice(0, 60) } });
  await settled();
  expect(texts("C1")).toHaveLength(50);
  chat.histories.lookBack("C1", true);
  for (const one of all.slice(60)) server.send(one);
  await until(() => expect(texts("C1")).toHaveLength(610));
  await chat.older("C1");
  expect(chat.timelines.get("C1")).toMatchObject({ hasMore: false, stored: { length: 620 } });
  chat.histories.lookBack("C1", false);
  expect([texts("C1").length, texts("C1").at(-1), chat.timelines.get("C1")!.hasMore]).toEqual([500, "C1 620", true]);
  server.send(said("C1", 621));
  await until(() => expect([texts("C1")[0], texts("C1").length]).toEqual(["C1 122", 500]));
});

test("a page that is on its way when one comes back to the end makes no hole", async () => {
  const all = Array.from({ length: 600 }, (_, i) => said("C1", i + 1));
  await open({ history: { C1: all.slice(0, 60) } });
  await settled();
  chat.histories.lookBack("C1", true);
  for (const one of all.slice(60)) server.send(one);
  await until(() => expect(texts("C1")).toHaveLength(590));
  const older = chat.older("C1");
  chat.histories.lookBack("C1", false);
  server.send({ type: "message", subtype: "message_deleted", channel: "C1", deleted_ts: ts(600), user: "U2", ts: ts(601), x_off: 601 });
  await until(() => expect(texts("C1").at(-1)).toBe("C1 599"));
  await older;
  expect(texts("C1")).toEqual(all.slice(99, 599).map(({ text }) => text));
});
