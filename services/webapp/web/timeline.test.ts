import { expect, test } from "vitest";
import { empty, keptMost, keyOf, withAck, withEvent, withLatest, withMine, withoutMine, withPage, type Message, type Timeline } from "./timeline.ts";

const ts = (n: number): string => `1700000000.${String(n).padStart(6, "0")}`;
const raw = (n: number, more = {}): Record<string, unknown> => ({ type: "message", channel: "C1", user: "U1", text: `m${n}`, ts: ts(n), client_msg_id: `k${n}`, x_off: n, ...more });
const texts = ({ stored }: Timeline): string[] => stored.map(({ text }) => text);
const mine = (n: number): Message => ({ key: keyOf("U1", `k${n}`), ts: "", user: "U1", text: `m${n}`, offset: undefined, edited: false, reactions: [], state: "waiting", sentAt: 5 });

test("pages of history and events make one list, each message once and in the channel's order", () => {
  let timeline = withEvent(empty, raw(5));
  timeline = withPage(timeline, [raw(5), raw(4), raw(3)], true);
  timeline = withEvent(timeline, raw(6));
  timeline = withPage(timeline, [raw(2), raw(1)], false);
  expect(texts(timeline)).toEqual(["m1", "m2", "m3", "m4", "m5", "m6"]);
  expect(timeline.hasMore).toBe(false);
});

test("what fills a gap in the middle says nothing of what is older", () => {
  const timeline = withPage(withPage(empty, [raw(9), raw(3)], true), [raw(6)]);
  expect([texts(timeline), timeline.hasMore]).toEqual([["m3", "m6", "m9"], true]);
});

test("an own message has its place with its ack, or with the event that shows it, whichever comes first", () => {
  const waiting = withMine(withEvent(empty, raw(1)), mine(2));
  const acked = withAck(waiting, keyOf("U1", "k2"), { ts: ts(2), offset: 2, ackedAt: 9 });
  expect(acked.mine).toEqual([]);
  expect(acked.stored.at(-1)).toMatchObject({ ts: ts(2), offset: 2, state: "stored", sentAt: 5, ackedAt: 9 });
  // The history read again tells it once more; when it was sent is still known.
  expect(withPage(acked, [raw(2)]).stored.at(-1)).toMatchObject({ sentAt: 5, ackedAt: 9 });
  const shown = withEvent(waiting, raw(2));
  expect([texts(shown), shown.mine]).toEqual([["m1", "m2"], []]);
  expect(withAck(shown, keyOf("U1", "k2"), { ts: ts(2), offset: 2, ackedAt: 9 })).toBe(shown);
});

test("the same client_msg_id of somebody else is another message", () => {
  const timeline = withEvent(withMine(empty, mine(2)), raw(2, { user: "U2" }));
  expect(timeline.mine).toHaveLength(1);
});

test("edits and deletions change what is shown, and nothing else", () => {
  const before = withPage(empty, [raw(2), raw(1)], false);
  const edited = withEvent(before, { type: "message", subtype: "message_changed", message: raw(1, { text: "new", edited: {} }) });
  expect(edited.stored[0]).toMatchObject({ text: "new", edited: true });
  expect(edited.stored[1]).toBe(before.stored[1]);
  expect(texts(withEvent(edited, { type: "message", subtype: "message_deleted", deleted_ts: ts(1) }))).toEqual(["m2"]);
  // Of a message that was not read yet the history will tell.
  expect(withEvent(before, { type: "message", subtype: "message_changed", message: raw(7) }).stored).toEqual(before.stored);
});

test("a reaction counts once per user, and goes with its last one", () => {
  const by = (type: string, user: string): Record<string, unknown> => ({ type, user, reaction: "heart", item: { ts: ts(1) } });
  let timeline = withEvent(empty, raw(1));
  for (const user of ["U1", "U2", "U2"]) timeline = withEvent(timeline, by("reaction_added", user));
  expect(timeline.stored[0]!.reactions).toEqual([{ name: "heart", users: ["U1", "U2"] }]);
  for (const user of ["U1", "U1", "U2", "U3"]) timeline = withEvent(timeline, by("reaction_removed", user));
  expect(timeline.stored[0]!.reactions).toEqual([]);
});

test("a message that was refused can be taken away", () => {
  expect(withoutMine(withMine(empty, mine(1)), keyOf("U1", "k1")).mine).toEqual([]);
});

test("what comes at the end is put there: nothing else is looked at", () => {
  let reads = 0;
  const watched = { ...withEvent(empty, raw(1)).stored[0]!, get ts() { return (reads++, ts(1)); } };
  const many: Timeline = { ...empty, stored: [...Array.from({ length: 10_000 }, () => watched), { ...watched, ts: ts(2) }] };
  reads = 0;
  const timeline = withEvent(many, raw(3));
  const acked = withAck(withMine(timeline, mine(4)), keyOf("U1", "k4"), { ts: ts(4), offset: 4, ackedAt: 9 });
  withEvent(acked, { type: "reaction_added", user: "U1", reaction: "heart", item: { ts: ts(4) } });
  expect([reads, acked.stored.length, acked.mine]).toEqual([0, 10_003, []]);
  expect(timeline.mine).toBe(many.mine);
});

test("what comes late has its place all the same", () => {
  expect(texts([5, 3, 4].reduce((timeline, n) => withEvent(timeline, raw(n)), empty))).toEqual(["m3", "m4", "m5"]);
});

test("only the newest are kept, and that there are older ones is not forgotten", () => {
  const all = withPage(empty, Array.from({ length: keptMost + 1 }, (_, i) => raw(i)), false);
  const latest = withLatest(all);
  expect([latest.stored.length, latest.stored[0]!.text, latest.hasMore]).toEqual([keptMost, "m1", true]);
  expect(withLatest(latest)).toBe(latest);
});
