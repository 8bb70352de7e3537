import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Frame } from "./events.ts";
import { Outbox } from "./outbox.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** An outbox whose connection is there, or not; and what went out over which. */
function outbox(max = 10): { box: Outbox; sent: Frame[]; state: { via: object | undefined } } {
  const state: { via: object | undefined } = { via: { name: "first" } };
  const sent: Frame[] = [];
  const box = new Outbox(max, (frame) => {
    if (state.via !== undefined) sent.push(frame);
    return state.via;
  });
  return { box, sent, state };
}

test("a message resolves with its ack", async () => {
  const { box, sent } = outbox();
  const waiting = box.add("C1", { text: "hi" }, "k1");
  expect(sent).toEqual([{ type: "message", channel: "C1", text: "hi", client_msg_id: "k1", id: 1 }]);
  box.reply({ reply_to: 1, ok: true, ts: "1.000001", x_off: 7 });
  expect(await waiting).toEqual({ channel: "C1", ts: "1.000001", offset: 7, key: "k1" });
  expect(box.size).toBe(0);
});

test("what was under way on a connection that is gone goes out again on the next, in order and with the same keys", () => {
  const { box, sent, state } = outbox();
  const first = state.via!;
  for (const key of ["a", "b"]) void box.add("C1", { text: key }, key);
  state.via = undefined;
  box.lost(first);
  void box.add("C1", { text: "c" }, "c");
  sent.length = 0;
  state.via = { name: "second" };
  box.flush();
  expect(sent.map(({ client_msg_id }) => client_msg_id)).toEqual(["a", "b", "c"]);
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
