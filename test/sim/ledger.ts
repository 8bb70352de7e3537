/**
 * What was claimed and appended, and by whom, as the store answered: a record beside the store that shares no rule with it. It
 * holds what retention removes, and it tells two writers apart where the store does not.
 */
import type { Append, Entry } from "../../services/store/log.ts";
import type { MemoryLog } from "../../services/store/memory-log.ts";

/** A promise was broken. */
export class Broken extends Error {}

interface Grant {
  readonly fence: number;
  readonly to: string;
}

export class Ledger {
  readonly #grants = new Map<number, Grant>();
  readonly #entries = new Map<string, Entry[]>();
  readonly #keys = new Map<string, Set<string>>();

  /** The slot was given to a process. */
  claimed(slot: number, fence: number, to: string): void {
    const { fence: last, to: holder } = this.#grant(slot);
    if (fence <= last) throw new Broken(`slot ${slot}: ${to} was given fence ${fence} after ${holder} was given ${last}`);
    this.#grants.set(slot, { fence, to });
  }

  /** A process appended, and the store took it. */
  appended(by: string, { channel, slot, fence, entries }: Append): void {
    const grant = this.#grant(slot);
    if (fence !== grant.fence) throw new Broken(`${channel}: ${by} appended to slot ${slot} with fence ${fence} after ${grant.to} was given ${grant.fence}`);
    if (by !== grant.to) throw new Broken(`${channel}: ${by} appended with fence ${fence} of slot ${slot}, which is ${grant.to}'s`);
    const known = this.#entries.get(channel) ?? [];
    const keys = this.#keys.get(channel) ?? new Set();
    this.#entries.set(channel, known);
    this.#keys.set(channel, keys);
    for (const { view: _view, ...entry } of entries) {
      const last = known.at(-1);
      if (entry.offset !== (last?.offset ?? 0) + 1) throw new Broken(`${channel}: ${entry.offset} follows ${last?.offset ?? 0}`);
      if (last !== undefined && micros(entry.ts) <= micros(last.ts)) throw new Broken(`${channel} ${entry.offset}: ts ${entry.ts} is not after ${last.ts}`);
      if (keys.has(entry.key)) throw new Broken(`${channel} ${entry.offset}: key ${entry.key} is there twice`);
      keys.add(entry.key);
      known.push(entry);
    }
  }

  /** All that was ever stored in a channel, in order; `offset` is the index + 1. */
  entries(channel: string): readonly Entry[] {
    return this.#entries.get(channel) ?? [];
  }

  /** What the store has must be the end of what it took, and no message stands there under two keys. */
  compare(log: MemoryLog): void {
    for (const [channel, entries] of this.#entries) {
      const { first, head } = log.head(channel);
      if (head !== entries.length) throw new Broken(`${channel} ends at ${head} in the store, which took ${entries.length}`);
      const kept = log.entries(channel);
      const lost = entries.slice(first - 1).find(({ key }, i) => kept[i]?.key !== key);
      if (lost !== undefined) throw new Broken(`${channel}: the store has lost ${lost.offset}`);
      const texts = new Set<string>();
      for (const { offset, payload } of entries) {
        const { type, text } = JSON.parse(new TextDecoder().decode(payload)) as { readonly type?: string; readonly text?: string };
        if (type !== "message" || text === undefined) continue;
        if (texts.has(text)) throw new Broken(`${channel} ${offset}: ${text} stands in the log twice`);
        texts.add(text);
      }
    }
  }

  #grant(slot: number): Grant {
    return this.#grants.get(slot) ?? { fence: 0, to: "nobody" };
  }
}

function micros(ts: string): number {
  return Number(ts.replace(".", ""));
}
