/**
 * When the next step of a rebalance may be taken: once the servers have said that they are warm, having nothing more of the
 * last one to hand over or to take; or when that takes too long. Pure.
 */
export class Pace {
  readonly #withinMs: number;
  /** 0 before the first step */
  #epoch = 0;
  #until = -Infinity;
  #cold = new Set<string>();

  constructor(withinMs: number) {
    this.#withinMs = withinMs;
  }

  /** A step was published. @param servers who has to be warm */
  began(epoch: number, servers: readonly string[], now: number): void {
    this.#epoch = epoch;
    this.#until = now + this.#withinMs;
    this.#cold = new Set(servers);
  }

  /** A server has nothing more to hand over or to take up to an epoch. */
  warm(server: string, epoch: number): void {
    if (epoch >= this.#epoch) this.#cold.delete(server);
  }

  /** Who is waited for. @param alive those that count: one that went down meanwhile does not hold the others up */
  waitingFor(alive: ReadonlySet<string>, now: number): readonly string[] {
    return now >= this.#until ? [] : [...this.#cold].filter((id) => alive.has(id)).sort();
  }

  /** When nobody is waited for any more, at the latest. */
  ends(): number {
    return this.#cold.size === 0 ? -Infinity : this.#until;
  }
}
