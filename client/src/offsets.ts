/**
 * Where this client stands in each channel, so that it is shown each event once and in order, over all its connections
 * (docs/protocol.md, "Resuming").
 */
export class Offsets {
  readonly #seen = new Map<string, number>();
  /** channel → offsets of its own messages that lie beyond what it has seen: nobody shows these to it */
  readonly #own = new Map<string, Set<number>>();

  /** @returns whether the event is new to this client: its own messages, which a replay shows, are not */
  take(channel: string, offset: number): boolean {
    const seen = this.#seen.get(channel);
    if (seen !== undefined && offset <= seen) return false;
    const isOwn = this.#own.get(channel)?.has(offset) === true;
    this.#advance(channel, offset);
    return !isOwn;
  }

  /** One of its own messages has this place. */
  own(channel: string, offset: number): void {
    const seen = this.#seen.get(channel);
    if (seen !== undefined && offset <= seen) return;
    // Where nothing was seen yet, something may still be on its way that lies before.
    if (seen !== undefined && offset === seen + 1) return this.#advance(channel, offset);
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
    const begun = new Map(this.#seen);
    // Nothing was seen in these, but something was sent: from just before that.
    for (const [channel, own] of this.#own) if (!begun.has(channel)) begun.set(channel, Math.min(...own) - 1);
    return Object.fromEntries([...begun].slice(-maxChannels));
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
