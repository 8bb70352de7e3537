/**
 * A client that connects before it leaves is shown again what the old connection has shown since the new one was asked for. That, and nothing else, is
 * expected: each event once, with the same content, in order, before anything new of its channel.
 */
import type { Offsets } from "./connection.ts";

export class Repeats {
  /** channel → offset → what was shown since the last connection was asked for */
  readonly #shown = new Map<string, Map<number, string>>();
  /** channel → what the connection in use has to show again */
  readonly #due = new Map<string, Map<number, string>>();
  #asking = false;

  /** A new connection is asked for. */
  ask(): void {
    this.#asking = true;
    this.#shown.clear();
  }

  /** The new connection is in use. @param offsets what it was asked with */
  begin(offsets: Offsets): void {
    this.#due.clear();
    for (const [channel, shown] of this.#shown) {
      const due = [...shown].filter(([off]) => off > (offsets[channel] ?? 0));
      if (due.length > 0) this.#due.set(channel, new Map(due));
    }
    this.#shown.clear();
    this.#asking = false;
  }

  /** An event comes. @returns whether it is the next of those that are due once more; if not, none is due any more */
  expected(channel: string, off: number, content: string): boolean {
    const due = this.#due.get(channel);
    const [next] = due ?? [];
    if (next?.[0] === off && next[1] === content) {
      due!.delete(off);
      return true;
    }
    this.end(channel);
    if (!this.#asking) return false;
    let shown = this.#shown.get(channel);
    if (shown === undefined) this.#shown.set(channel, (shown = new Map()));
    shown.set(off, content);
    return false;
  }

  /** Nothing of the channel is due any more. */
  end(channel: string): void {
    this.#due.delete(channel);
  }
}
