/** What the store says, while messages flow, of who may write: slot by slot its fence, the fence's owner, and how far the channel has come. */
import type { LogStore } from "../../services/store/log.ts";

export interface Sample {
  readonly fence: number;
  readonly owner: string;
  /** All that is stored up to here was written under this fence or a lower one, all beyond it under this one or a higher one. */
  readonly head: number;
}

const everyMs = 5;

/** Looks at some channels again and again until it is stopped. */
export class Fences {
  readonly #log: LogStore;
  readonly #slots: ReadonlyMap<string, number>;
  readonly #samples = new Map<string, Sample[]>();
  #running = true;
  readonly #looking: Promise<void>;

  /** @param slots channel → slot */
  constructor(log: LogStore, slots: ReadonlyMap<string, number>) {
    this.#log = log;
    this.#slots = slots;
    for (const channel of slots.keys()) this.#samples.set(channel, []);
    this.#looking = this.#look();
  }

  /** Looks once more and no further. */
  async stop(): Promise<void> {
    this.#running = false;
    await this.#looking;
    await this.#lookOnce();
  }

  of(channel: string): readonly Sample[] {
    return this.#samples.get(channel)!;
  }

  /** The server that alone could write a message: it held the slot's fence before and after. undefined where the fence changed in between. */
  holderAt(channel: string, offset: number): string | undefined {
    const samples = this.of(channel);
    const after = samples.findIndex(({ head }) => head >= offset);
    const [before, then] = [samples[after - 1], samples[after]];
    return before !== undefined && before.fence === then?.fence ? then.owner : undefined;
  }

  async #look(): Promise<void> {
    while (this.#running) {
      await this.#lookOnce();
      await new Promise((done) => setTimeout(done, everyMs));
    }
  }

  async #lookOnce(): Promise<void> {
    for (const [channel, slot] of this.#slots) {
      const before = await this.#log.claimed(slot);
      const { head } = await this.#log.head(channel);
      const { fence, owner } = await this.#log.claimed(slot);
      if (fence === before.fence) this.#samples.get(channel)!.push({ fence, owner, head });
    }
  }
}
