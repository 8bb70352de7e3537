/**
 * The log: where channel servers keep what they acked. One contract, several engines (memory, lmdb, postgres), one suite
 * (test/contract/log.ts). The store fences (DESIGN 5): an owner first claims a slot, which raises the slot's fence;
 * an append carries the fence and fails once a newer one exists. So no clock or lease is needed for safety.
 */
import type { LogRows, Tables } from "./rows.ts";

/** One stored event of a channel. */
export interface Entry {
  /** 1, 2, 3 … per channel, no holes */
  readonly offset: number;
  /** `seconds.micros`, unique and increasing per channel */
  readonly ts: string;
  /** `eventKinds`: 0 for clients, 1 for gateways */
  readonly kind: number;
  /** the session that published it, so that it isn't shown its own message; 0 = none */
  readonly origin: number;
  /** idempotency key */
  readonly key: string;
  /** final JSON, as it goes to clients */
  readonly payload: Uint8Array;
  /** how this event changes the messages that history shows: the message's ts and its new JSON, or null where it is deleted; reads of entries leave it out */
  readonly view?: { readonly ts: string; readonly message: Uint8Array | null };
}

export interface Append {
  readonly channel: string;
  readonly slot: number;
  readonly fence: number;
  /** ts of the entry that the first one follows, "" for none. Another one there is a conflict: offsets alone don't tell a late append of the caller's own. Not checked where it is left out. */
  readonly lastTs?: string;
  /** consecutive; the first offset must be the channel's head + 1 */
  readonly entries: readonly Entry[];
}

export type Appended =
  | { readonly ok: true }
  /**
   * `fenced`: a newer fence exists. `conflict`: the first offset isn't head + 1, or its ts isn't after the last one's, or a key
   * is in the channel already; the caller's view is stale: an append that was given up may have been carried out late. Load again.
   */
  | { readonly ok: false; readonly reason: "fenced" | "conflict" };

export interface Head {
  /** 0 for a channel that has no entry */
  readonly head: number;
  /** ts of the last entry, "" where there is none */
  readonly lastTs: string;
  /** offset of the oldest entry that is kept; head + 1 where there is none */
  readonly first: number;
}

/** What the store knows of the keys and messages that were looked up; absent = unknown to it. */
export interface Found {
  readonly keys: ReadonlyMap<string, Entry>;
  readonly messages: ReadonlyMap<string, Uint8Array>;
}

export interface HistoryQuery {
  /** messages with ts below (or at, when `inclusive`) this; "" = newest */
  readonly latest: string;
  /** messages with ts above (or at, when `inclusive`) this; "" = from the first */
  readonly oldest: string;
  readonly inclusive: boolean;
  readonly limit: number;
}

/** @remarks Every call may reject with StoreUnavailable; nothing else. */
export interface LogStore {
  /** Raises the slot's fence and returns it. Durable before it resolves. */
  claim(slot: number, owner: string): Promise<number>;
  /** Who claimed the slot last; fence 0 where nobody has. */
  claimed(slot: number): Promise<{ fence: number; owner: string }>;
  /** The present fences of many slots in one question; 0 where nobody has claimed. */
  fences(slots: readonly number[]): Promise<ReadonlyMap<number, number>>;
  /** Durable when it resolves with ok. Concurrent appends are committed together; those of one caller to one channel keep their order. */
  append(append: Append): Promise<Appended>;
  head(channel: string): Promise<Head>;
  /** The entry that was appended with this key, if it is kept. */
  byKey(channel: string, key: string): Promise<Entry | undefined>;
  /** Entries by key and messages by ts, in one question. */
  find(channel: string, keys: readonly string[], messages: readonly string[]): Promise<Found>;
  /** Entries with offset > after, oldest first. */
  after(channel: string, after: number, limit: number): Promise<Entry[]>;
  /** Current messages (edits applied, deleted ones absent), newest first; `more` where older ones match too. */
  history(channel: string, query: HistoryQuery): Promise<{ messages: Uint8Array[]; more: boolean }>;
  message(channel: string, ts: string): Promise<Uint8Array | undefined>;
  /**
   * Removes what is older than `ts`: entries with their keys, and messages. A channel's last entry stays, so offsets and ts go on
   * from it. A key that is gone is new again.
   * @param cursor what the call before returned, "" to begin
   * @param channels how many channels to look at
   * @returns where to go on; "" at the end
   */
  sweep(ts: string, cursor: string, channels: number): Promise<string>;
  /** All that is kept, for copying. */
  readonly rows: Tables<LogRows>;
  close(): Promise<void>;
}

/** Whether an append gives one key to two entries, which is a conflict as well. */
export function repeatsKey(entries: readonly Entry[]): boolean {
  return new Set(entries.map(({ key }) => key)).size < entries.length;
}

/** The engine does not answer (disk full, closed, connection lost). Publishes are refused as `store_unavailable`; nothing was acked. */
export class StoreUnavailable extends Error {
  override name = "StoreUnavailable";

  /** @param reason a sentence, or what it failed with */
  constructor(reason: unknown, cause: unknown = reason) {
    super(reason instanceof Error ? reason.message : String(reason), { cause });
  }
}

/** It answers, and refuses: a wrong password, a schema of a newer version. Waiting doesn't help. */
export class StoreRefused extends StoreUnavailable {}
