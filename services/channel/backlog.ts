import { limits } from "../protocol/limits.ts";
import type { Entry } from "../store/log.ts";
import type { Asker } from "./events.ts";

/** What a publication costs beside its own bytes: its place in queues, its key, its answer. */
const overheadBytes = 512;

/**
 * The publications of all channels that wait for the store, in bytes: as they came, until they are answered, and as what
 * they became (an edit carries the message twice) while it is on its way. The next one too many is refused, before a
 * store that is slow fills the memory.
 */
export class Backlog {
  #bytes = 0;
  /** append → bytes of its entries */
  readonly #appends = new Map<number, number>();

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns the asker, who holds so many bytes until `answered`; undefined where there is no room */
  admit(asker: Asker, bytes: number): Asker | undefined {
    const held = bytes + overheadBytes;
    if (this.#bytes + held > limits.pendingAppendBytes) return undefined;
    this.#bytes += held;
    return { ...asker, held };
  }

  /** Every asker is answered once. */
  answered({ held = 0 }: Asker): void {
    this.#bytes -= held;
  }

  departs(append: number, entries: readonly Entry[]): void {
    const bytes = entries.reduce((sum, entry) => sum + bytesOf(entry), 0);
    this.#appends.set(append, bytes);
    this.#bytes += bytes;
  }

  arrives(append: number): void {
    this.#bytes -= this.#appends.get(append) ?? 0;
    this.#appends.delete(append);
  }
}

/** Bytes of what is stored for an entry. */
export function bytesOf({ payload, view }: Entry): number {
  return payload.length + (view?.message === payload ? 0 : (view?.message?.length ?? 0));
}
