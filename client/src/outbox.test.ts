import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Frame } from "./events.ts";
import { Outbox, type Sender } from "./outbox.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** An outbox whose connection is there, or not; and what went out. */
function outbox(max = 10): { box: Outbox; sent: Frame[]; state: { via: Sender | undefined }; connection: () => Sender } {
  const sent: Frame[] = [];
  const connection = (): Sender => ({ send: (frame) => sent.push(frame) });
  const state: { via: Sender | undefined } = { via: connection() };
  return { box: new Outbox(max, () => state.via), sent, state, connection };
}
const keys = (sent: readonly Frame[]): unknown[] => sent.map(({ client_msg_id }) => client_msg_id);

test("a message resolves with its ack", async () => {
  const { box, sent } = outbox();
  const waiting = box.add("C1", { text: "hi" }, "k1");
  expect(sent).toEqual([{ type: "message", channel: "C1", text: "hi", client_msg_id: "k1", id: 1 }]);
  box.reply({ reply_to: 1, ok: true, ts: "1.000001", x_off: 7 });
  expect(await waiting).toEqual({ channel: "C1", ts: "1.000001", offset: 7, key: "k1" });
  expect(box.size).toBe(0);
});

test("a message that no frame can carry is refused at once, not sent until somebody gives up", async () => {
  const { box, sent } = outbox();
  await expect(box.add("C1", { text: "ä".repeat(33_000) }, "k1")).rejects.toMatchObject({ code: "msg_too_long" });
  expect([sent, box.size]).toEqual([[], 0]);
  void box.add("C1", { text: "ä".repeat(32_000) }, "k2");
  expect(sent).toHaveLength(1);
});

test("what was under way on a connection that is gone goes out again on the next, in order and with the same keys", () => {
  const { box, sent, state, connection } = outbox();
  const first = state.via!;
  for (const key of ["a", "b"]) void box.add("C1", { text: key }, key);
  state.via = undefined;
  box.lost(first);
  void box.add("C1", { text: "c" }, "c");
  sent.length = 0;
  state.via = connection();
  box.flush();
  expect(keys(sent)).toEqual(["a", "b", "c"]);
  box.flush();
  expect(sent).toHaveLength(3);
});

test("one that is refused for now is tried again when the server says, one that is refused for good rejects", async () => {
  const { box, sent } = outbox();
  const later = box.add("C1", { text: "x" }, "later");
  box.reply({ reply_to: 1, ok: false, x_reason: "rate_limited", x_retry_after_ms: 3_000, error: { code: 7, msg: "slow down" } });
  await vi.advanceTimersByTimeAsync(2_999);
  expect(sent).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(sent).toHaveLength(2);
  box.reply({ reply_to: 2, ok: true, ts: "1.000001", x_off: 1 });
  expect((await later).offset).toBe(1);
  const never = box.add("C2", { text: "x" }, "never");
  box.reply({ reply_to: 3, ok: false, x_reason: "channel_not_found", error: { code: 2, msg: "no such channel" } });
  await expect(never).rejects.toMatchObject({ code: "channel_not_found", message: "channel_not_found: no such channel" });
});

test("one more than may wait is refused, and what waits is when the client closes", async () => {
  const { box, state } = outbox(1);
  state.via = undefined;
  const waiting = box.add("C1", { text: "x" }, "k");
  await expect(box.add("C1", { text: "y" }, "l")).rejects.toMatchObject({ code: "queue_full" });
  box.close();
  await expect(waiting).rejects.toMatchObject({ code: "closed" });
});

test("none overtakes an earlier one of its channel that is under way over a connection that was left, or waits for its next try", async () => {
  const { box, sent, state, connection } = outbox();
  const first = state.via!;
  void box.add("C1", { text: "1" }, "1");
  state.via = connection();
  void box.add("C1", { text: "2" }, "2");
  void box.add("C2", { text: "3" }, "3");
  expect(keys(sent)).toEqual(["1", "3"]);
  box.lost(first);
  expect(keys(sent)).toEqual(["1", "3", "1", "2"]);
  box.reply({ reply_to: 3, ok: false, x_reason: "store_unavailable", error: { code: 8 } });
  void box.add("C1", { text: "4" }, "4");
  expect(keys(sent)).toEqual(["1", "3", "1", "2"]);
  await vi.advanceTimersByTimeAsync(500);
  expect(keys(sent).slice(4)).toEqual(["1", "4"]);
});

test("no more are under way than a gateway takes", () => {
  const { box, sent } = outbox(1_000);
  for (let i = 0; i < 500; i++) void box.add("C1", { text: "x" }, String(i));
  expect(sent).toHaveLength(200);
  box.reply({ reply_to: 1, ok: true, ts: "1.000001", x_off: 1 });
  expect(sent).toHaveLength(201);
});

test("one whose ack was lost is resolved by the event that shows it; the same key twice is one message; after the close nothing waits", async () => {
  const { box } = outbox();
  const first = box.add("C1", { text: "x" }, "k");
  expect(box.add("C1", { text: "x" }, "k")).toBe(first);
  expect(box.shown({ type: "message", channel: "C2", client_msg_id: "k" })).toBe(false);
  expect(box.shown({ type: "message", channel: "C1", client_msg_id: "k", ts: "1.000001", x_off: 4 })).toBe(true);
  expect(await first).toEqual({ channel: "C1", ts: "1.000001", offset: 4, key: "k" });
  box.close();
  await expect(box.add("C1", { text: "y" }, "l")).rejects.toMatchObject({ code: "closed" });
});
