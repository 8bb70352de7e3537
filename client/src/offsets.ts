/**
 * Where this client stands in each channel, so that it is shown each event once and in order, over all its connections
 * (docs/protocol.md, "Resuming").
 */
export class Offsets {
  readonly #seen = new Map<string, number>();
  /** channel → offsets of its own messages that lie beyond what it has seen: nobody shows these to it */
  readonly #own = new Map<string, Set<number>>();

  /** @returns whether the event is new; one without a known predecessor is */
  take(channel: string, offset: number): boolean {
    const seen = this.#seen.get(channel);
    if (seen !== undefined && offset <= seen) return false;
    this.#advance(channel, offset);
    return true;
  }

  /** One of its own messages has this place. */
  own(channel: string, offset: number): void {
    const seen = this.#seen.get(channel);
    if (seen !== undefined && offset <= seen) return;
    if (seen === undefined || offset === seen + 1) return this.#advance(channel, offset);
    const set = this.#own.get(channel) ?? new Set();
    this.#own.set(channel, set.add(offset));
  }

  /** What lies up to `head` is not shown. */
  gap(channel: string, head: number): void {
    this.#own.delete(channel);
    this.#seen.set(channel, head);
  }

  /** What it asks to be resumed from: at most `limits.offsets` channels, those that moved last. */
  toResume(): Record<string, number> {
    return Object.fromEntries([...this.#seen].slice(-maxChannels));
  }

  #advance(channel: string, offset: number): void {
    const own = this.#own.get(channel);
    let at = offset;
    while (own?.delete(at + 1) === true) at++;
    for (const one of own ?? []) if (one <= at) own!.delete(one);
    if (own?.size === 0) this.#own.delete(channel);
    this.#seen.delete(channel); // so that the latest come last
    this.#seen.set(channel, at);
  }
}

/** As many as `rtm.connect` takes. */
const maxChannels = 5_000;
