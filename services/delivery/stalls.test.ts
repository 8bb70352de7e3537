import { expect, test } from "vitest";
import type { Happened } from "./happened.ts";
import { Timeline } from "./stalls.ts";

const sent = (at: number, key: string, due = at): Happened => ({ at, type: "sent", writer: 0, channel: "C1", key, due });
const acked = (at: number, key: string): Happened => ({ at, type: "acked", key, ts: "1.000000" });
const shown = (at: number, reader: number, key: string): Happened => ({ at, type: "shown", reader, channel: "C1", off: 1, ts: "1.000000", key });
const refused = (at: number, key: string): Happened => ({ at, type: "refused", key, reason: "unavailable" });

const happened: Happened[] = [
  sent(0, "a"), acked(10, "a"), shown(20, 0, "a"), shown(25, 1, "a"), //
  sent(100, "b"), refused(150, "b"),
  sent(160, "c", 110), // held back for 50 ms
  acked(400, "b"), shown(420, 0, "b"), acked(450, "c"), shown(460, 0, "c"), shown(470, 1, "c"),
  shown(900, 1, "b"), // after a reconnect
];

test("the longest waits of all that happened", () => {
  expect(new Timeline(happened, 2).between(0, Infinity)).toEqual({ publishMs: 340, deliveryMs: 500, endToEndMs: 800, refused: { unavailable: 1 } });
});

test("within a window: what was through before it does not count, and waiting counts from its beginning", () => {
  const timeline = new Timeline(happened, 2);
  expect(timeline.between(0, 100)).toEqual({ publishMs: 10, deliveryMs: 15, endToEndMs: 25, refused: {} });
  expect(timeline.between(300, 1_000)).toEqual({ publishMs: 150, deliveryMs: 500, endToEndMs: 600, refused: {} });
  expect(timeline.between(950, 1_000)).toEqual({ publishMs: 0, deliveryMs: 0, endToEndMs: 0, refused: {} });
});

test("a log that grows is read on; what is not through counts as it stands", () => {
  const log: Happened[] = [sent(0, "a"), refused(50, "a")];
  const timeline = new Timeline(log, 2);
  expect(timeline.between(0, 100)).toMatchObject({ publishMs: 50, deliveryMs: 0 });
  expect(timeline.oldestWaiting(0)).toBe(0);
  log.push(acked(70, "a"), shown(80, 0, "a"), refused(200, "x"));
  expect(timeline.between(0, 100)).toMatchObject({ publishMs: 70, deliveryMs: 130 });
  expect(timeline.oldestWaiting(0)).toBe(0);
  expect(timeline.oldestWaiting(1)).toBeUndefined();
  log.push(shown(300, 1, "a"));
  expect(timeline.between(0, 100)).toMatchObject({ publishMs: 70, deliveryMs: 230, endToEndMs: 300 });
  expect(timeline.oldestWaiting(0)).toBeUndefined();
});
