/**
 * The promise, read off a log: every acked message is in history exactly once; every reader saw every message of history
 * exactly once and in the order of the offsets, over all of its connections; what was not acked is there once or not at all.
 */
import type { Happened, History, Stored } from "./happened.ts";

/** In what way the promise was broken. */
export const faultKinds = {
  falseAck: "acked, but not in history",
  lost: "in history, but a reader never got it",
  doubled: "there twice: in history, or at a reader",
  reordered: "at a reader after a later one, or stored before one that was acked before it was sent",
  changed: "with another text, ts or offset than it was acked or stored with",
  phantom: "shown or stored, but nobody sent it, or history has no such thing",
  gap: "left out by an x_gap, though the reader came back at once",
} as const;
export type FaultKind = keyof typeof faultKinds;

export interface Fault {
  readonly kind: FaultKind;
  readonly channel: string;
  /** when it happened, or when what it happened to was sent; undefined where neither is known */
  readonly at: number | undefined;
  /** one line for people */
  readonly text: string;
}

export interface Verdict {
  readonly faults: readonly Fault[];
  readonly sent: number;
  readonly acked: number;
  /** not acked to the end: how many of them history has */
  readonly unacked: { readonly present: number; readonly absent: number };
  /** answers that were no ack, by reason */
  readonly refused: Readonly<Record<string, number>>;
  /** messages of the run that readers got on their sockets */
  readonly shown: number;
  readonly gaps: number;
  /** of all readers together */
  readonly connections: number;
}

interface Sent {
  readonly channel: string;
  readonly at: number;
  acked?: { readonly at: number; readonly ts: string; readonly off?: number };
}

export interface Rules {
  readonly readers: number;
  /** a gap is no fault where what it left out was read in history */
  readonly allowGaps: boolean;
}

/** @param happened in the order of `at` */
export function verify(happened: readonly Happened[], history: History, rules: Rules): Verdict {
  const faults: Fault[] = [];
  const fault = (kind: FaultKind, channel: string, at: number | undefined, text: string): void => void faults.push({ kind, channel, at, text });
  const sent = new Map<string, Sent>();
  const refused: Record<string, number> = {};
  const readers = new Map<string, Reader>();
  const readerOf = (reader: number, channel: string): Reader => {
    const name = `${reader} ${channel}`;
    let found = readers.get(name);
    if (found === undefined) readers.set(name, (found = new Reader(reader, channel, fault)));
    return found;
  };
  for (let reader = 0; reader < rules.readers; reader++) for (const channel of history.keys()) readerOf(reader, channel);
  let [acked, shown, gaps, connections] = [0, 0, 0, 0];

  for (const event of happened) {
    switch (event.type) {
      case "sent":
        sent.set(event.key, { channel: event.channel, at: event.at });
        break;
      case "acked": {
        const message = sent.get(event.key);
        if (message === undefined || message.acked !== undefined) break;
        message.acked = event;
        acked++;
        break;
      }
      case "refused":
        refused[event.reason] = (refused[event.reason] ?? 0) + 1;
        break;
      case "shown":
        if (event.key !== undefined) shown++;
        readerOf(event.reader, event.channel).shown(event);
        break;
      case "gap":
        gaps++;
        readerOf(event.reader, event.channel).gap(event.after, event.head);
        if (!rules.allowGaps) fault("gap", event.channel, event.at, `reader ${event.reader} was told to fetch ${event.after + 1}..${event.head} of ${event.channel}`);
        break;
      case "fetched":
        readerOf(event.reader, event.channel).fetched.add(event.off);
        break;
      case "connected":
        connections++;
        break;
    }
  }

  const found = checkHistory(history, sent, fault);
  for (const [key, { channel, at, acked }] of sent) if (acked !== undefined && !found.has(key)) fault("falseAck", channel, at, `${key} was acked as ${acked.ts} of ${channel}; history does not have it`);
  for (const reader of readers.values()) reader.compare(history.get(reader.channel) ?? [], sent);
  let present = 0;
  for (const [key, { acked }] of sent) if (acked === undefined && found.has(key)) present++;
  return { faults, sent: sent.size, acked, unacked: { present, absent: sent.size - acked - present }, refused, shown, gaps, connections };
}

type Note = (kind: FaultKind, channel: string, at: number | undefined, text: string) => void;

/** Each message once, as it was acked, and none before one that was acked before it was sent. @returns the keys that are there */
function checkHistory(history: History, sent: ReadonlyMap<string, Sent>, fault: Note): ReadonlySet<string> {
  const found = new Set<string>();
  for (const [channel, messages] of history) {
    let before: Stored | undefined;
    for (const message of messages) {
      const { key, off, ts } = message;
      const origin = key === undefined ? undefined : sent.get(key);
      const at = origin?.at;
      if (before !== undefined && (off <= before.off || !isLater(ts, before.ts))) fault("reordered", channel, at, `history of ${channel}: offset ${off} (${ts}) comes after ${before.off} (${before.ts})`);
      before = message;
      if (key === undefined) continue;
      if (origin === undefined || origin.channel !== channel) fault("phantom", channel, at, `${key} is in history of ${channel}; nobody sent it there`);
      if (found.has(key)) fault("doubled", channel, at, `${key} is twice in history of ${channel}; the second time at offset ${off}`);
      found.add(key);
      if (message.damaged === true) fault("changed", channel, at, `${key} has another text in history of ${channel}`);
      const acked = origin?.acked;
      if (acked !== undefined && (acked.ts !== ts || (acked.off ?? off) !== off)) fault("changed", channel, at, `${key} was acked as ${acked.ts}, offset ${acked.off ?? "untold"}; history of ${channel} has it as ${ts}, offset ${off}`);
    }
    let earliest: { readonly at: number; readonly key: string } | undefined;
    for (const { key } of messages.toReversed()) {
      const origin = key === undefined ? undefined : sent.get(key);
      if (origin === undefined) continue;
      if (earliest !== undefined && earliest.at < origin.at) fault("reordered", channel, origin.at, `${key} was sent after ${earliest.key} had been acked, and stands before it in ${channel}`);
      if (origin.acked !== undefined && (earliest === undefined || origin.acked.at < earliest.at)) earliest = { at: origin.acked.at, key: key! };
    }
  }
  return found;
}

/** `seconds.micros` */
function isLater(ts: string, before: string): boolean {
  return ts.length === before.length ? ts > before : ts.length > before.length;
}

/** What one reader got of one channel. */
class Reader {
  readonly channel: string;
  readonly fetched = new Set<number>();
  readonly #reader: number;
  readonly #fault: Note;
  readonly #seen = new Map<number, { readonly at: number; readonly ts: string; readonly key: string | undefined }>();
  readonly #keys = new Set<string>();
  readonly #gaps: { readonly after: number; readonly head: number }[] = [];
  #highest = 0;

  constructor(reader: number, channel: string, fault: Note) {
    this.#reader = reader;
    this.channel = channel;
    this.#fault = fault;
  }

  shown({ at, off, ts, key, damaged }: Happened & { type: "shown" }): void {
    const name = `${key ?? "an event"} at offset ${off} of ${this.channel}`;
    if (this.#seen.has(off)) this.#note("doubled", at, `got ${name} twice`);
    else if (key !== undefined && this.#keys.has(key)) this.#note("doubled", at, `got ${name}, and had the same message at another offset`);
    else if (off < this.#highest) this.#note("reordered", at, `got ${name} after offset ${this.#highest}`);
    if (damaged === true) this.#note("changed", at, `got ${name} with another text`);
    this.#seen.set(off, { at, ts, key });
    if (key !== undefined) this.#keys.add(key);
    this.#highest = Math.max(this.#highest, off);
  }

  gap(after: number, head: number): void {
    this.#gaps.push({ after, head });
    this.#highest = Math.max(this.#highest, head);
  }

  compare(messages: readonly Stored[], sent: ReadonlyMap<string, Sent>): void {
    const stored = new Map(messages.map((message) => [message.off, message]));
    for (const { off, ts, key } of messages) {
      const seen = this.#seen.get(off);
      const name = `${key ?? "a message"} at offset ${off} of ${this.channel}`;
      if (seen === undefined && !this.fetched.has(off)) this.#note("lost", key === undefined ? undefined : sent.get(key)?.at, `never got ${name}`);
      if (seen !== undefined && (seen.ts !== ts || seen.key !== key)) this.#note("changed", seen.at, `got ${seen.key ?? "an event"} (${seen.ts}) where history has ${name} (${ts})`);
    }
    for (const [off, { at, key }] of this.#seen) {
      if (key === undefined || stored.has(off)) continue;
      this.#note("phantom", at, `got ${key} at offset ${off} of ${this.channel}, which ${sent.has(key) ? "history does not have there" : "nobody sent"}`);
    }
    // Events that are no messages (who joined) have offsets, too, and a channel's offsets have no holes.
    for (let off = 1; off < this.#highest; off++) {
      if (this.#seen.has(off) || stored.has(off) || this.#gaps.some(({ after, head }) => off > after && off <= head)) continue;
      this.#note("lost", undefined, `never got the event at offset ${off} of ${this.channel}`);
    }
  }

  #note(kind: FaultKind, at: number | undefined, what: string): void {
    this.#fault(kind, this.channel, at, `reader ${this.#reader} ${what}`);
  }
}
