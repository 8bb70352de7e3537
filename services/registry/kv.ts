/** Consul's key-value table: pure. Each change is first planned, then made durable by the caller, then applied. */

export interface Entry {
  readonly value: Uint8Array;
  readonly flags: number;
  readonly createIndex: number;
  readonly modifyIndex: number;
  /** how often the key was locked */
  readonly lockIndex: number;
  readonly session?: string;
}

export const kvLimits = {
  /** Bytes of one value: Consul's own bound. */
  valueBytes: 512 * 1024,
  /** Bytes of a key; more is 400. */
  keyBytes: 512,
  /** Keys in all, and bytes of all values; a put beyond them is 500 with a clear text. */
  keys: 4096,
  totalBytes: 16 * 1024 * 1024,
} as const;

export interface PutOptions {
  readonly flags?: number;
  /** only where modifyIndex is this; 0 = only where absent */
  readonly cas?: number;
  readonly acquire?: string;
  readonly release?: string;
}

/** Key → its new entry, or undefined where it goes. An empty change means "no". */
export type Change = ReadonlyMap<string, Entry | undefined>;

const none: Change = new Map();

export class Kv {
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  /** index of the last change of anything here; what a look-up of an absent key answers */
  index: number;

  constructor(entries: Iterable<readonly [string, Entry]>, index: number) {
    this.index = index;
    this.apply(new Map(entries), index);
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Entries whose key starts with `prefix`, by key. */
  list(prefix: string): [string, Entry][] {
    return [...this.#entries].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** What a blocking query on `key` compares with. */
  indexOf(key: string): number {
    return this.#entries.get(key)?.modifyIndex ?? this.index;
  }

  /** Whether `bytes` more under `key` would exceed a bound of the whole table. */
  isFull(key: string, bytes: number): boolean {
    const before = this.#entries.get(key);
    if (before === undefined && this.#entries.size >= kvLimits.keys) return true;
    return this.#bytes - (before?.value.length ?? 0) + bytes > kvLimits.totalBytes;
  }

  /** @param index the index that the change gets */
  planPut(key: string, value: Uint8Array, options: PutOptions, index: number): Change {
    const before = this.#entries.get(key);
    if (options.cas !== undefined && options.cas !== (before?.modifyIndex ?? 0)) return none;
    if (options.acquire !== undefined && before?.session !== undefined && before.session !== options.acquire) return none;
    if (options.release !== undefined && (before?.session === undefined || before.session !== options.release)) return none;
    const session = options.acquire ?? (options.release === undefined ? before?.session : undefined);
    const locks = options.acquire !== undefined && before?.session !== options.acquire ? 1 : 0;
    return new Map([
      [
        key,
        {
          value,
          flags: options.flags ?? before?.flags ?? 0,
          createIndex: before?.createIndex ?? index,
          modifyIndex: index,
          lockIndex: (before?.lockIndex ?? 0) + locks,
          ...(session === undefined ? {} : { session }),
        },
      ],
    ]);
  }

  /** @returns undefined where `cas` does not hold; a delete of nothing is an empty change */
  planDelete(key: string, recurse: boolean, cas: number | undefined): Change | undefined {
    if (recurse) return new Map(this.list(key).map(([name]) => [name, undefined]));
    const before = this.#entries.get(key);
    if (cas !== undefined && cas !== (before?.modifyIndex ?? 0)) return undefined;
    return before === undefined ? none : new Map([[key, undefined]]);
  }

  /** A session ended: its locks are released, or its keys deleted. */
  planSessionEnd(session: string, behavior: "release" | "delete", index: number): Change {
    const change = new Map<string, Entry | undefined>();
    for (const [key, entry] of this.#entries) {
      if (entry.session !== session) continue;
      const { session: _gone, ...rest } = entry;
      change.set(key, behavior === "delete" ? undefined : { ...rest, modifyIndex: index });
    }
    return change;
  }

  apply(change: Change, index: number): void {
    for (const [key, entry] of change) {
      this.#bytes += (entry?.value.length ?? 0) - (this.#entries.get(key)?.value.length ?? 0);
      if (entry === undefined) this.#entries.delete(key);
      else this.#entries.set(key, entry);
    }
    if (change.size > 0) this.index = Math.max(this.index, index);
  }

  /** The table as it would be after `change`. */
  with(change: Change): Map<string, Entry> {
    const all = new Map(this.#entries);
    for (const [key, entry] of change) {
      if (entry === undefined) all.delete(key);
      else all.set(key, entry);
    }
    return all;
  }
}
