import { repeatsKey, type Append, type Appended, type Entry, type Found, type Head, type HistoryQuery, type LogStore } from "./log.ts";
import { memoryTable } from "./memory-rows.ts";
import { present } from "./present.ts";
import type { LogRows, Tables } from "./rows.ts";
import { tsKey } from "./ts.ts";

interface Log {
  /** offset of the first of `entries` */
  first: number;
  entries: Entry[];
  readonly offsets: Map<string, number>;
  /** ts → the message as it is now */
  readonly messages: Map<string, Uint8Array>;
}

/** The rules of the log (log.ts) in memory, each call done when it returns. The simulation runs on it, too. */
export class MemoryLog {
  readonly #claims = new Map<number, { fence: number; owner: string }>();
  readonly #logs = new Map<string, Log>();
  readonly #copies = new Map<string, LogRows["copies"]>();

  claim(slot: number, owner: string): number {
    const fence = this.claimed(slot).fence + 1;
    this.#claims.set(slot, { fence, owner });
    return fence;
  }

  claimed(slot: number): { readonly fence: number; readonly owner: string } {
    return this.#claims.get(slot) ?? { fence: 0, owner: "" };
  }

  fences(slots: readonly number[]): Map<number, number> {
    return new Map(slots.map((slot) => [slot, this.claimed(slot).fence]));
  }

  append({ channel, slot, fence, lastTs, entries }: Append): Appended {
    if (this.claimed(slot).fence !== fence) return { ok: false, reason: "fenced" };
    if (entries.length === 0) return { ok: true };
    const log: Log = this.#logs.get(channel) ?? { first: 1, entries: [], offsets: new Map(), messages: new Map() };
    const last = log.entries.at(-1);
    if (lastTs !== undefined && lastTs !== (last?.ts ?? "")) return { ok: false, reason: "conflict" };
    if (entries[0]!.offset !== (last?.offset ?? 0) + 1 || (last !== undefined && tsKey(entries[0]!.ts) <= tsKey(last.ts))) return { ok: false, reason: "conflict" };
    if (repeatsKey(entries) || entries.some(({ key }) => log.offsets.has(key))) return { ok: false, reason: "conflict" };
    this.#logs.set(channel, log);
    for (const { view, ...entry } of entries) {
      log.entries.push(entry);
      log.offsets.set(entry.key, entry.offset);
      if (view === undefined) continue;
      if (view.message === null) log.messages.delete(tsKey(view.ts));
      else log.messages.set(tsKey(view.ts), view.message);
    }
    return { ok: true };
  }

  head(channel: string): Head {
    const log = this.#logs.get(channel);
    const last = log?.entries.at(-1);
    return { head: last?.offset ?? 0, lastTs: last?.ts ?? "", first: log?.first ?? 1 };
  }

  byKey(channel: string, key: string): Entry | undefined {
    const log = this.#logs.get(channel);
    const offset = log?.offsets.get(key);
    return offset === undefined ? undefined : log!.entries[offset - log!.first];
  }

  message(channel: string, ts: string): Uint8Array | undefined {
    return this.#logs.get(channel)?.messages.get(tsKey(ts));
  }

  find(channel: string, keys: readonly string[], messages: readonly string[]): Found {
    return {
      keys: present(keys, (key) => this.byKey(channel, key)),
      messages: present(messages, (ts) => this.message(channel, ts)),
    };
  }

  after(channel: string, after: number, limit: number): Entry[] {
    const log = this.#logs.get(channel);
    if (log === undefined) return [];
    const from = Math.max(after + 1 - log.first, 0);
    return log.entries.slice(from, from + limit);
  }

  history(channel: string, { latest, oldest, inclusive, limit }: HistoryQuery): { messages: Uint8Array[]; more: boolean } {
    const newest = latest === "" ? "~" : tsKey(latest);
    const first = oldest === "" ? "" : tsKey(oldest);
    const within = ([ts]: [string, Uint8Array]): boolean => (ts > first && ts < newest) || (inclusive && (ts === first || ts === newest));
    const found = [...(this.#logs.get(channel)?.messages ?? [])].filter(within).sort(([a], [b]) => (a < b ? 1 : -1));
    return { messages: found.slice(0, limit).map(([, message]) => message), more: found.length > limit };
  }

  sweep(ts: string, cursor: string, channels: number): string {
    const names = this.channels().filter((channel) => channel > cursor).sort();
    for (const channel of names.slice(0, channels)) sweepLog(this.#logs.get(channel)!, tsKey(ts));
    return names.length > channels ? names[channels - 1]! : "";
  }

  rows(): Tables<LogRows> {
    const all = <T>(of: (channel: string, log: Log) => T[]): T[] => [...this.#logs].flatMap(([channel, log]) => of(channel, log));
    return {
      claims: memoryTable("claims", () => [...this.#claims].map(([slot, claim]) => ({ slot, ...claim })), ({ slot, fence, owner }) => {
        if (fence >= this.claimed(slot).fence) this.#claims.set(slot, { fence, owner });
      }),
      entries: memoryTable("entries", () => all((channel, { entries }) => entries.map((entry) => ({ channel, ...entry }))), ({ channel, ...entry }) => {
        const log = this.#logs.get(channel) ?? { first: entry.offset, entries: [], offsets: new Map(), messages: new Map() };
        this.#logs.set(channel, log);
        log.entries[entry.offset - log.first] = entry;
        log.offsets.set(entry.key, entry.offset);
      }),
      messages: memoryTable("messages", () => all((channel, { messages }) => [...messages].map(([ts, message]) => ({ channel, ts, message }))), ({ channel, ts, message }) => {
        this.#logs.get(channel)?.messages.set(ts, message);
      }),
      // It is what the entries say.
      heads: memoryTable("heads", () => this.channels().map((channel) => ({ channel, ...this.head(channel) })), () => {}),
      copies: memoryTable("copies", () => this.#copies.values(), (row) => this.#copies.set(row.id, row)),
    };
  }

  /** All that is kept of a channel, in order. */
  entries(channel: string): readonly Entry[] {
    return this.#logs.get(channel)?.entries ?? [];
  }

  channels(): string[] {
    return [...this.#logs.keys()];
  }
}

function sweepLog(log: Log, before: string): void {
  const lastTs = tsKey(log.entries.at(-1)!.ts);
  const bound = before < lastTs ? before : lastTs;
  const kept = log.entries.findIndex((entry) => tsKey(entry.ts) >= bound);
  for (const { key } of log.entries.slice(0, kept)) log.offsets.delete(key);
  log.entries = log.entries.slice(kept);
  log.first += kept;
  for (const ts of log.messages.keys()) if (ts < bound) log.messages.delete(ts);
}

/** The log in this process's memory: for tests, benches and planes that may forget. Nothing survives the process. */
export function openMemoryLog(): LogStore {
  const log = new MemoryLog();
  return {
    claim: async (slot, owner) => log.claim(slot, owner),
    claimed: async (slot) => log.claimed(slot),
    fences: async (slots) => log.fences(slots),
    append: async (wanted) => log.append(wanted),
    head: async (channel) => log.head(channel),
    byKey: async (channel, key) => log.byKey(channel, key),
    find: async (channel, keys, messages) => log.find(channel, keys, messages),
    after: async (channel, after, limit) => log.after(channel, after, limit),
    history: async (channel, query) => log.history(channel, query),
    message: async (channel, ts) => log.message(channel, ts),
    sweep: async (ts, cursor, channels) => log.sweep(ts, cursor, channels),
    rows: log.rows(),
    close: async () => {},
  };
}
