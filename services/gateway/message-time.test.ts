import { expect, test } from "vitest";
import { messageTime } from "./message-time.ts";

const of = (event: object): number | undefined => messageTime(Buffer.from(JSON.stringify(event)));

test("a message's time is that of its ts, in whole milliseconds", () => {
  expect(of({ type: "message", channel: "C1", user: "U1", text: "hi", ts: "1795793865.175123", x_off: 7 })).toBe(1_795_793_865_175);
});

test("a text that looks like one does not mislead, whatever its length", () => {
  expect(of({ type: "message", channel: "C1", text: `"ts":"1.000000" ${"x".repeat(40_000)}`, ts: "1795793865.175123" })).toBe(1_795_793_865_175);
});

test("what is no message, or has no ts, has no time", () => {
  expect(of({ type: "reaction_added", item: { ts: "1795793865.175123" } })).toBeUndefined();
  expect(of({ type: "mpim_marked", channel: "C1", ts: "1795793865.175123" })).toBeUndefined();
  expect(of({ type: "message", channel: "C1" })).toBeUndefined();
  expect(of({ type: "message", ts: "soon" })).toBeUndefined();
  expect(messageTime(new Uint8Array())).toBeUndefined();
});
