/** Gateways that drain send their clients away in turns: together no more per second than the others are to receive. */
import type { Kernel } from "./kernel.ts";
import { Broken } from "./ledger.ts";

interface Leave {
  readonly session: number;
  readonly gateway: string;
  /** when the client is to leave, ms since the run began */
  readonly at: number;
}

export class Farewells {
  readonly #kernel: Kernel;
  readonly #perSecond: number;
  #leaves: Leave[] = [];
  #looking = false;

  constructor(kernel: Kernel, perSecond: number) {
    this.#kernel = kernel;
    this.#perSecond = perSecond;
  }

  /** A session is told to leave; what it was told before is void. */
  told(leave: Leave): void {
    this.#leaves = this.#leaves.filter(({ session }) => session !== leave.session);
    this.#leaves.push(leave);
    if (this.#looking) return;
    this.#looking = true;
    // All that are told now, first: each may take the place of an earlier one.
    this.#kernel.after(0, () => this.#look());
  }

  #look(): void {
    this.#looking = false;
    this.#leaves.sort((a, b) => a.at - b.at);
    for (const [i, { at }] of this.#leaves.entries()) {
      const second = this.#leaves.slice(i).filter((one) => one.at - at < 1_000);
      // Each keeps to its share; their turns may fall together.
      const most = this.#perSecond + new Set(second.map(({ gateway }) => gateway)).size - 1;
      if (second.length <= most) continue;
      const within = second.map(({ session, gateway, at: when }) => `${session} from ${gateway} at ${Math.round(when)} ms`);
      throw new Broken(`${within.length} clients are sent to other gateways within a second, at most ${most} should be: ${within.join(", ")}`);
    }
  }
}
