/** Publishes at a pace, and waits until everybody has everything. */
import { channelsOf, type Pace, type Shape } from "../shape.ts";
import type { Ledger } from "./ledger.ts";

/** What is not delivered so long after the last publish is lost. */
const LOST_MS = 10_000;

/** Uniform in (0, 1), the same for every system: xorshift32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) + 0.5) / 2 ** 32;
  };
}

export class Publisher {
  readonly #channels: number;
  readonly #ledger: Ledger;
  readonly #publish: (channel: number, id: number) => void;
  #next = 0;
  #until = 0;
  #inFlight = 0;
  #settled: () => void = () => {};

  /** @param publish sends the message `id` to a channel */
  constructor(shape: Shape, ledger: Ledger, publish: (channel: number, id: number) => void) {
    this.#channels = channelsOf(shape);
    this.#ledger = ledger;
    this.#publish = publish;
  }

  /** A publication reached everybody. */
  completed(): void {
    if (this.#inFlight > 0 && performance.now() < this.#until) this.#one();
    else if (this.#ledger.open === 0) this.#settled();
  }

  /** Resolves when all that was published in `ms` is delivered; rejects where something is lost. */
  async run(pace: Pace, ms: number): Promise<void> {
    this.#until = performance.now() + ms;
    if ("inFlight" in pace) {
      this.#inFlight = pace.inFlight;
      for (let i = 0; i < pace.inFlight; i++) this.#one();
    } else await this.#atRate(pace.perSecond, pace.random === true, ms);
    const deadline = this.#until + LOST_MS;
    while (this.#ledger.open > 0 && this.#ledger.fault === undefined && performance.now() < deadline) {
      await new Promise<void>((done) => {
        const timer = setTimeout(done, 100);
        this.#settled = () => {
          if (performance.now() < this.#until) return;
          clearTimeout(timer);
          done();
        };
      });
    }
    this.#inFlight = 0;
    if (this.#ledger.open > 0) this.#ledger.fail(`${this.#ledger.open} messages did not reach all their subscribers`);
    if (this.#ledger.fault !== undefined) throw new Error(this.#ledger.fault);
  }

  async #atRate(perSecond: number, isRandom: boolean, ms: number): Promise<void> {
    const chance = random(perSecond + 1);
    const gap = (): number => (1_000 / perSecond) * (isRandom ? -Math.log(chance()) : 1);
    const started = performance.now();
    for (let due = gap() / 2; due < ms; due += gap()) {
      const wait = started + due - performance.now();
      if (wait > 0) await new Promise((done) => setTimeout(done, wait));
      if (this.#ledger.fault !== undefined) return;
      this.#one();
    }
  }

  /** To one channel after the other; which channel comes next is no matter of chance, so that all get as many. */
  #one(): void {
    if (!this.#ledger.hasRoom) return this.#ledger.fail("too many messages are on their way");
    const channel = this.#next;
    this.#next = (this.#next + 1) % this.#channels;
    this.#publish(channel, this.#ledger.publish(channel, performance.now()));
  }
}
