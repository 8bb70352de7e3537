import { expect, test } from "vitest";
import { markdown, tableOf, type Figures } from "./table.ts";

const event = (row: Figures["row"], from: number, publishMs: number, more: Partial<Figures> = {}): Figures => ({ row, text: "", from, to: from + 5_000, publishMs, deliveryMs: 10, endToEndMs: publishMs + 10, liveMs: 60, presence: { awayMs: 20, activeMs: 5_010, untoldMs: 30, early: 0 }, refused: {}, broken: [], ...more });

test("figures are gathered by kind, and held against the issue's targets", () => {
  const rows = tableOf([event("kill-channel", 0, 100), event("kill-channel", 10_000, 250), event("kill-channel", 20_000, 900), event("drain-gateway", 30_000, 50, { refused: { socket_lost: 2 } })], []);
  expect(rows.map(({ row, events, publishMs, refused, goals }) => ({ row, events, publishMs, refused, met: goals.map((goal) => goal.isMet) }))).toEqual([
    { row: "kill-channel", events: 3, publishMs: { median: 250, worst: 900 }, refused: {}, met: [true, true] },
    { row: "drain-gateway", events: 1, publishMs: { median: 50, worst: 50 }, refused: { socket_lost: 2 }, met: [false, true] },
  ]);
  const slow = tableOf([event("kill-channel", 0, 100), event("kill-channel", 10_000, 1_100)], []);
  expect(slow[0]!.goals.map((goal) => goal.isMet)).toEqual([false, false]);
});

test("of presence the worst counts", () => {
  const rows = tableOf([event("kill-gateway", 0, 100), event("kill-gateway", 10_000, 100, { presence: { awayMs: 0, activeMs: 7_000, untoldMs: 10, early: 1 } })], []);
  expect(rows[0]!.presence).toEqual({ awayMs: 20, activeMs: 7_000, untoldMs: 30, early: 1 });
  expect(markdown(rows).join("\n")).toContain("| 20 / 7000 / 30; 1 |");
});

test("a store that is down may refuse by its own name alone, and must", () => {
  const met = (refused: Record<string, number>): boolean => tableOf([event("store-down", 0, 9_000, { refused })], [])[0]!.goals[0]!.isMet;
  expect(met({ store_unavailable: 3 })).toBe(true);
  expect(met({ store_unavailable: 3, service_unavailable: 1 })).toBe(false);
  expect(met({})).toBe(false);
});

test("a fault counts for the event that it happened in, and none is left out", () => {
  const fault = (kind: "lost" | "changed", at: number | undefined) => ({ kind, channel: "C1", at, text: "" });
  const rows = tableOf([event("pause-channel", 10_000, 100), event("charm-down", 20_000, 100)], [fault("lost", 9_500), fault("lost", 12_000), fault("changed", 24_999), fault("lost", 26_000), fault("lost", undefined)]);
  expect(rows.map(({ row, faults }) => [row, faults])).toEqual([
    ["pause-channel", { lost: 2 }],
    ["charm-down", { changed: 1 }],
    ["between events", { lost: 2 }],
  ]);
  expect(markdown(rows).join("\n")).toContain("| 0 / 0 / 0 / 0, changed 1 |");
});
