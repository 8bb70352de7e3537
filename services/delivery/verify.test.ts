import { describe, expect, test } from "vitest";
import { textOf, type Happened, type Stored } from "./happened.ts";
import { verify, type FaultKind } from "./verify.ts";

/** A run without a fault: two writers, two readers, one channel; offset 1 is somebody's joining. `c` was never acked and is there. */
function clean(): { happened: Happened[]; stored: Stored[] } {
  const sent = (at: number, key: string): Happened => ({ at, type: "sent", writer: 0, channel: "C1", key, due: at });
  const shown = (at: number, reader: number, off: number, key?: string): Happened => ({ at, type: "shown", reader, channel: "C1", off, ts: `1.00000${off}`, ...(key === undefined ? {} : { key }) });
  const connected = (at: number, reader: number): Happened => ({ at, type: "connected", reader, gateway: "gw-0" });
  return {
    happened: [
      connected(0, 0),
      connected(0, 1),
      shown(1, 0, 1),
      shown(1, 1, 1),
      sent(2, "a"),
      { at: 3, type: "refused", key: "a", reason: "unavailable" },
      { at: 4, type: "acked", key: "a", ts: "1.000002" },
      shown(5, 0, 2, "a"),
      sent(6, "b"),
      sent(6, "c"),
      sent(6, "d"),
      { at: 7, type: "lost", reader: 1, why: "closed with 1006" },
      { at: 7, type: "acked", key: "b", ts: "1.000003", off: 3 },
      shown(7, 0, 3, "b"),
      { at: 8, type: "gaveUp", key: "c" },
      { at: 8, type: "gaveUp", key: "d" },
      shown(8, 0, 4, "c"),
      connected(9, 1),
      shown(10, 1, 2, "a"),
      shown(10, 1, 3, "b"),
      shown(10, 1, 4, "c"),
    ],
    stored: [
      { off: 2, ts: "1.000002", key: "a" },
      { off: 3, ts: "1.000003", key: "b" },
      { off: 4, ts: "1.000004", key: "c" },
    ],
  };
}

function judge(run: { happened: Happened[]; stored: Stored[] }, allowGaps = false) {
  return verify(run.happened, new Map([["C1", run.stored]]), { readers: 2, allowGaps });
}

test("a run without a fault is counted, and what was not acked may be there or not", () => {
  expect(judge(clean())).toEqual({ faults: [], sent: 4, acked: 2, unacked: { present: 1, absent: 1 }, refused: { unavailable: 1 }, shown: 6, gaps: 0, connections: 3 });
});

/** Index of the one event that is like `part`. */
function indexOf(happened: readonly Happened[], part: Partial<Record<string, unknown>>): number {
  const found = happened.flatMap((event, i) => (Object.entries(part).every(([name, value]) => (event as unknown as Record<string, unknown>)[name] === value) ? [i] : []));
  expect(found, JSON.stringify(part)).toHaveLength(1);
  return found[0]!;
}

const shownB = { type: "shown", reader: 1, key: "b" };

describe("each planted fault is named", () => {
  const planted: Record<string, { kind: FaultKind; plant: (run: ReturnType<typeof clean>) => void; says: string }> = {
    "an ack of what history does not have": {
      kind: "falseAck",
      plant: ({ happened }) => void happened.push({ at: 20, type: "acked", key: "d", ts: "1.000009" }),
      says: "d was acked as 1.000009 of C1; history does not have it",
    },
    "a message that one reader never got": {
      kind: "lost",
      plant: ({ happened }) => void happened.splice(indexOf(happened, shownB), 1),
      says: "reader 1 never got b at offset 3 of C1",
    },
    "the last message, that nobody came after to show the hole": {
      kind: "lost",
      plant: ({ happened }) => void happened.splice(indexOf(happened, { type: "shown", reader: 1, key: "c" }), 1),
      says: "reader 1 never got c at offset 4 of C1",
    },
    "an event that is no message and that one reader never got": {
      kind: "lost",
      plant: ({ happened }) => void happened.splice(indexOf(happened, { type: "shown", reader: 0, off: 1 }), 1),
      says: "reader 0 never got the event at offset 1 of C1",
    },
    "a reader that got nothing at all": {
      kind: "lost",
      plant: (run) => void (run.happened = run.happened.filter((event) => !("reader" in event) || event.reader !== 0)),
      says: "reader 0 never got a at offset 2 of C1",
    },
    "a message that a reader got again after its reconnect": {
      kind: "doubled",
      plant: ({ happened }) => void happened.push({ ...happened[indexOf(happened, shownB)]!, at: 20 }),
      says: "reader 1 got b at offset 3 of C1 twice",
    },
    "a repeated message that was stored twice": {
      kind: "doubled",
      plant: ({ happened, stored }) => {
        stored.push({ off: 5, ts: "1.000005", key: "a" });
        for (const reader of [0, 1]) happened.push({ at: 20, type: "shown", reader, channel: "C1", off: 5, ts: "1.000005", key: "a" });
      },
      says: "a is twice in history of C1; the second time at offset 5",
    },
    "two messages that a reader got in the wrong order": {
      kind: "reordered",
      plant: ({ happened }) => {
        const i = indexOf(happened, shownB);
        [happened[i], happened[i + 1]] = [happened[i + 1]!, happened[i]!];
      },
      says: "reader 1 got b at offset 3 of C1 after offset 4",
    },
    "a message that stands before one that was acked before it was sent": {
      kind: "reordered",
      plant: ({ happened }) => {
        const i = indexOf(happened, { type: "sent", key: "a" });
        happened[i] = { ...(happened[i] as Happened & { type: "sent" }), at: 7.5 };
      },
      says: "a was sent after b had been acked, and stands before it in C1",
    },
    "history whose ts goes back": {
      kind: "reordered",
      plant: ({ happened, stored }) => {
        stored[2] = { ...stored[2]!, ts: "0.000009" };
        for (const [i, event] of happened.entries()) if (event.type === "shown" && event.off === 4) happened[i] = { ...event, ts: "0.000009" };
      },
      says: "history of C1: offset 4 (0.000009) comes after 3 (1.000003)",
    },
    "an ack with another offset than history's": {
      kind: "changed",
      plant: ({ happened }) => {
        const i = indexOf(happened, { type: "acked", key: "b" });
        happened[i] = { ...(happened[i] as Happened & { type: "acked" }), off: 7 };
      },
      says: "b was acked as 1.000003, offset 7; history of C1 has it as 1.000003, offset 3",
    },
    "a text that changed on the way to a reader": {
      kind: "changed",
      plant: ({ happened }) => {
        const i = indexOf(happened, shownB);
        happened[i] = { ...(happened[i] as Happened & { type: "shown" }), damaged: true };
      },
      says: "reader 1 got b at offset 3 of C1 with another text",
    },
    "two readers that saw different messages at one offset": {
      kind: "changed",
      plant: ({ happened }) => {
        const i = indexOf(happened, shownB);
        happened[i] = { ...(happened[i] as Happened & { type: "shown" }), key: "d" };
      },
      says: "reader 1 got d (1.000003) where history has b at offset 3 of C1 (1.000003)",
    },
    "a message that a reader got and history does not have": {
      kind: "phantom",
      plant: ({ happened }) => void happened.push({ at: 20, type: "shown", reader: 0, channel: "C1", off: 5, ts: "1.000005", key: "d" }),
      says: "reader 0 got d at offset 5 of C1, which history does not have there",
    },
    "a message that nobody sent": {
      kind: "phantom",
      plant: ({ happened, stored }) => {
        stored.push({ off: 5, ts: "1.000005", key: "x" });
        for (const reader of [0, 1]) happened.push({ at: 20, type: "shown", reader, channel: "C1", off: 5, ts: "1.000005", key: "x" });
      },
      says: "x is in history of C1; nobody sent it there",
    },
    "a gap for a reader that came back at once": {
      kind: "gap",
      plant: (run) => gapped(run, true),
      says: "reader 1 was told to fetch 2..3 of C1",
    },
  };

  test.each(Object.entries(planted))("%s", (_, { kind, plant, says }) => {
    const run = clean();
    plant(run);
    const { faults } = judge(run);
    expect(faults.map((fault) => fault.text)).toContain(says);
    expect(faults.find((fault) => fault.text === says)!.kind).toBe(kind);
    expect(faults.every((fault) => fault.channel === "C1")).toBe(true);
  });

  test("a fault is dated by what it happened to", () => {
    const dated = (name: string): (number | undefined)[] => {
      const run = clean();
      planted[name]!.plant(run);
      return judge(run).faults.map((fault) => fault.at);
    };
    expect(dated("an ack of what history does not have")).toEqual([6]);
    expect(dated("a message that one reader never got")).toEqual([6]);
    expect(dated("a message that a reader got again after its reconnect")).toEqual([20]);
  });

  test("one fault is not taken for another kind", () => {
    for (const name of ["an ack of what history does not have", "a message that one reader never got", "a message that a reader got again after its reconnect", "two messages that a reader got in the wrong order"]) {
      const run = clean();
      planted[name]!.plant(run);
      expect(new Set(judge(run).faults.map((fault) => fault.kind)), name).toEqual(new Set([planted[name]!.kind]));
    }
  });
});

/** Reader 1 gets a gap in place of `a` and `b`, and fetches them, or not. */
function gapped(run: ReturnType<typeof clean>, fetched: boolean): void {
  const at = indexOf(run.happened, { type: "shown", reader: 1, key: "a" });
  const instead: Happened[] = [{ at: 10, type: "gap", reader: 1, channel: "C1", after: 1, head: 3 }];
  if (fetched) for (const [off, key] of [[2, "a"], [3, "b"]] as const) instead.push({ at: 10, type: "fetched", reader: 1, channel: "C1", off, key });
  run.happened.splice(at, 2, ...instead);
}

test("an allowed gap is no fault where history was read, and a loss where it was not", () => {
  const run = clean();
  gapped(run, true);
  expect(judge(run, true)).toMatchObject({ faults: [], gaps: 1 });
  const careless = clean();
  gapped(careless, false);
  expect(judge(careless, true).faults.map((fault) => fault.text)).toEqual(["reader 1 never got a at offset 2 of C1", "reader 1 never got b at offset 3 of C1"]);
});

test("a text follows from its key alone, and differs from key to key", () => {
  expect(textOf("w0-1")).toBe(textOf("w0-1"));
  const texts = Array.from({ length: 1_000 }, (_, i) => textOf(`w0-${i}`));
  expect(new Set(texts).size).toBe(1_000);
  expect(new Set(texts.map((text) => text.length)).size).toBeGreaterThan(100);
});
