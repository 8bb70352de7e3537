/**
 * Answers a gateway's `read`: a batch of what comes after an offset. Where that lies outside the window that the gateway
 * asked for, or is not kept, the answer says from where on it goes: the gateway tells its client of a gap, and reads on there.
 */
import { encodeLink, noHops, type Link } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import type { Entry, LogStore } from "../store/log.ts";
import type { Read } from "./events.ts";
import { parseTs } from "./sequence.ts";

/** A question to the log: `LogStore.after`. */
export interface Page {
  readonly after: number;
  readonly limit: number;
}

export type ReadAnswer = Link<"batch"> | Link<"window">;

/**
 * Yields what it asks of the log and is given the entries.
 * @param now milliseconds since the epoch, on the clock that gives the channel's ts
 */
export function* readSteps(read: Read, now: number): Generator<Page, ReadAnswer, readonly Entry[]> {
  const { req, chan, after, head, limit, maxAgeMs, maxEvents } = read;
  const entries = yield { after, limit };
  const [first] = entries;
  const oldestTs = maxAgeMs === 0 ? 0 : (now - maxAgeMs) * 1_000;
  const tooMany = maxEvents > 0 && head - after > maxEvents;
  if (after >= head || first === undefined || (first.offset === after + 1 && !tooMany && parseTs(first.ts) >= oldestTs)) return batch(read, entries);
  const from = yield* windowStart(first, Math.max(first.offset - 1, tooMany ? head - maxEvents : 0), head, oldestTs);
  return { type: "window", req, chan, from, head, afterTs: yield* tsOf(after), fromTs: yield* tsOf(from) };
}

export async function answerRead(read: Read, store: LogStore, now: number): Promise<ReadAnswer> {
  const steps = readSteps(read, now);
  let step = steps.next();
  while (step.done !== true) step = steps.next(await store.after(read.channel, step.value.after, step.value.limit));
  return step.value;
}

/**
 * @param first the first entry that the client lacks and that is kept
 * @param from what the other bounds leave
 * @returns the offset before the first entry that is young enough, `head` where none is
 */
function* windowStart(first: Entry, from: number, head: number, oldestTs: number): Generator<Page, number, readonly Entry[]> {
  const start = Math.min(from, head);
  if (start === head) return head;
  const [entry] = start + 1 === first.offset ? [first] : yield { after: start, limit: 1 };
  if (entry === undefined || parseTs(entry.ts) >= oldestTs) return start;
  let [old, young] = [start + 1, head + 1];
  while (young - old > 1) {
    const middle = Math.floor((old + young) / 2);
    const [found] = yield { after: middle - 1, limit: 1 };
    if (found !== undefined && parseTs(found.ts) < oldestTs) old = middle;
    else young = middle;
  }
  return old;
}

function* tsOf(offset: number): Generator<Page, string, readonly Entry[]> {
  if (offset === 0) return "";
  const [entry] = yield { after: offset - 1, limit: 1 };
  return entry?.offset === offset ? entry.ts : "";
}

/** The first of the entries that go in one batch by their bytes; one at least. */
export function batchOf(entries: readonly Entry[]): readonly Entry[] {
  let bytes = 0;
  const end = entries.findIndex(({ payload }, i) => (bytes += payload.length) > limits.batchBytes && i > 0);
  return end < 0 ? entries : entries.slice(0, end);
}

function batch({ req, chan, head }: Read, entries: readonly Entry[]): Link<"batch"> {
  const events = batchOf(entries).filter(({ offset }) => offset <= head);
  return { type: "batch", req, chan, head, events: encodeLink(...events.map(({ offset, origin, kind, payload }): Link<"event"> => ({ type: "event", chan, offset, origin, kind, ...noHops, payload }))) };
}
