/** How far one has read, channel by channel, on its way to the server. */

/** Marks of a reader who scrolls are told together. */
const togetherMs = 300;

export class Marks {
  readonly #tell: (channel: string, ts: string) => Promise<unknown>;
  /** what the server has not confirmed yet */
  readonly #due = new Map<string, string>();
  readonly #underWay = new Map<string, string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(tell: (channel: string, ts: string) => Promise<unknown>) {
    this.#tell = tell;
  }

  /** Told within a moment, with what failed before. */
  add(channel: string, ts: string): void {
    this.#due.set(channel, ts);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), togetherMs);
  }

  /** Now: nobody knows whether there is a later. */
  flush(): void {
    clearTimeout(this.#timer);
    for (const [channel, ts] of this.#due) if (this.#underWay.get(channel) !== ts) void this.#send(channel, ts);
  }

  /** The server has this mark, of whatever window: one that is older must not follow. */
  told(channel: string, ts: string): void {
    if ((this.#due.get(channel) ?? "") <= ts) this.#due.delete(channel);
  }

  drop(channel: string): void {
    this.#due.delete(channel);
  }

  async #send(channel: string, ts: string): Promise<void> {
    this.#underWay.set(channel, ts);
    try {
      await this.#tell(channel, ts);
      this.told(channel, ts);
    } catch {
      // It stays due, for the next time.
    }
    if (this.#underWay.get(channel) === ts) this.#underWay.delete(channel);
  }
}
