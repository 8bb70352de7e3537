import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeLink } from "../protocol/link.ts";
import { openMemoryLog } from "../store/memory-log.ts";
import type { Entry, LogStore } from "../store/log.ts";
import type { Read } from "./events.ts";
import { answerRead } from "./reads.ts";
import { formatTs } from "./sequence.ts";

const now = 1_700_000_000_000;
const tsAt = (ageMs: number): string => formatTs((now - ageMs) * 1_000);

/** A channel C1 whose events have these ages, the oldest first. */
async function logOf(ages: readonly number[], payloadBytes = 2): Promise<LogStore> {
  const log = openMemoryLog();
  const fence = await log.claim(0, "cs-0");
  const entries = ages.map((age, i): Entry => ({ offset: i + 1, ts: tsAt(age), kind: 0, origin: 0, key: `k${i}`, payload: new Uint8Array(payloadBytes) }));
  await log.append({ channel: "C1", slot: 0, fence, entries });
  return log;
}

const read = (head: number, over: Partial<Read>): Read => ({ req: 1, chan: 2, channel: "C1", after: 0, head, limit: 200, maxAgeMs: 0, maxEvents: 0, ...over });

async function offsets(log: LogStore, wanted: Read): Promise<number[]> {
  const answer = await answerRead(wanted, log, now);
  if (answer.type !== "batch") throw new Error(`it answered ${answer.type}`);
  return decodeLink(answer.events).map((event) => (event.type === "event" ? event.offset : 0));
}

describe("a read", () => {
  test("brings what comes after an offset, up to the head and the limit", async () => {
    const log = await logOf([5, 4, 3, 2, 1]);
    expect(await offsets(log, read(5, { after: 1, limit: 3 }))).toEqual([2, 3, 4]);
    expect(await offsets(log, read(4, { after: 2 }))).toEqual([3, 4]);
    expect(await offsets(log, read(5, { after: 5, maxAgeMs: 1, maxEvents: 1 }))).toEqual([]);
  });

  test("brings about a megabyte at most, and one event however large it is", async () => {
    expect(await offsets(await logOf([3, 2, 1], 600_000), read(3, {}))).toEqual([1]);
    expect(await offsets(await logOf([3, 2, 1], 500_000), read(3, {}))).toEqual([1, 2]);
  });

  test("within the window is answered at once, at its edges too", async () => {
    const log = await logOf([1_000, 900, 800]);
    expect(await offsets(log, read(3, { maxAgeMs: 1_000, maxEvents: 3 }))).toEqual([1, 2, 3]);
  });

  test("of more than the window holds says from where on it goes, with the ts on both sides of what is left out", async () => {
    const log = await logOf([50, 40, 30, 20, 10]);
    expect(await answerRead(read(5, { after: 1, maxEvents: 2 }), log, now)).toEqual({ type: "window", req: 1, chan: 2, from: 3, head: 5, afterTs: tsAt(50), fromTs: tsAt(30) });
    expect(await answerRead(read(5, { after: 1, maxAgeMs: 20 }), log, now)).toMatchObject({ from: 3 });
    expect(await answerRead(read(5, { after: 0, maxAgeMs: 45, maxEvents: 2 }), log, now)).toMatchObject({ from: 3, afterTs: "" });
    expect(await answerRead(read(5, { after: 0, maxAgeMs: 15, maxEvents: 4 }), log, now)).toMatchObject({ from: 4 });
    expect(await answerRead(read(5, { after: 2, maxAgeMs: 5 }), log, now)).toMatchObject({ from: 5, fromTs: tsAt(10) });
  });

  test("of what is not kept any more goes on at the first that is", async () => {
    const log = await logOf([50, 40, 30, 20, 10]);
    await log.sweep(tsAt(35), "", 10);
    expect(await answerRead(read(5, { after: 1 }), log, now)).toEqual({ type: "window", req: 1, chan: 2, from: 2, head: 5, afterTs: "", fromTs: "" });
    expect(await answerRead(read(5, { after: 1, maxAgeMs: 25 }), log, now)).toMatchObject({ from: 3, afterTs: "", fromTs: tsAt(30) });
    expect(await offsets(log, read(5, { after: 2 }))).toEqual([3, 4, 5]);
  });

  test("finds the edge of any log, in few questions", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(9), { minLength: 1, maxLength: 200 }), fc.nat(250), fc.integer({ min: 1, max: 900 }), fc.nat(250), fc.nat(1_000), async (steps, after, maxAgeMs, maxEvents, swept) => {
        const ages: number[] = [];
        for (const step of steps) ages.unshift((ages[0] ?? 0) + 1 + step);
        const log = await logOf(ages);
        await log.sweep(tsAt(swept), "", 1);
        const head = ages.length;
        const first = (await log.head("C1")).first;
        let asked = 0;
        const counted = { ...log, after: (...args: Parameters<LogStore["after"]>) => (asked++, log.after(...args)) };
        const answer = await answerRead(read(head, { after, maxAgeMs, maxEvents }), counted, now);
        // The same, by looking at each.
        const inside = (offset: number): boolean => offset >= first && ages[offset - 1]! <= maxAgeMs && (maxEvents === 0 || offset > head - maxEvents);
        let from = after;
        while (from < head && !inside(from + 1)) from++;
        expect(asked).toBeLessThanOrEqual(4 + Math.ceil(Math.log2(head + 1)));
        expect(answer).toMatchObject(from === after || after >= head ? { type: "batch" } : { type: "window", from });
      }),
    );
  });
});
