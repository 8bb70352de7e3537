/**
 * A link's credit for the past. What gateways ask to be told again (replays, reads) waits while more is queued on the link
 * than limits.linkCreditBytes, and then goes on a few at a time: a gateway that comes back with all its channels fills no
 * queue, and one that does not read costs nothing but the turns that wait.
 */
import type { Clock } from "../runtime/clock.ts";

/** Those that read the store at one time; each brings limits.batchBytes at most. */
const atOnce = 8;
/** How often a link that is full is looked at, ms; one timer for all that wait. */
const lookMs = 5;
/** On a link that had no room for so long one goes all the same, ms: it is slow, and its channels must not fall silent. */
const patienceMs = 2_000;

export class LinkTurns {
  readonly #hasRoom: () => boolean;
  readonly #clock: Clock;
  readonly #waiting = new Set<(mine: boolean) => void>();
  #busy = 0;
  #looking = false;
  /** looks in vain since the last turn */
  #looks = 0;
  #over = false;

  /** @param hasRoom whether more may be queued on the link */
  constructor(hasRoom: () => boolean, clock: Clock) {
    this.#hasRoom = hasRoom;
    this.#clock = clock;
  }

  /** Waits for a turn, in the order of the calls; each needs one `end`. @returns false where the link is closed: there is no turn then */
  begin(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#waiting.add(resolve);
      this.#next();
    });
  }

  /** What was read is queued on the link. */
  end(): void {
    this.#busy--;
    this.#next();
  }

  /** The link is closed. */
  close(): void {
    this.#over = true;
    this.#next();
  }

  #next(): void {
    for (const resolve of this.#waiting) {
      if (!this.#over && (this.#busy >= atOnce || !(this.#hasRoom() || this.#looks * lookMs >= patienceMs))) break;
      this.#looks = 0;
      this.#waiting.delete(resolve);
      if (!this.#over) this.#busy++;
      resolve(!this.#over);
    }
    if (this.#waiting.size > 0 && this.#busy === 0 && !this.#looking) void this.#look();
  }

  async #look(): Promise<void> {
    this.#looking = true;
    await this.#clock.sleep(lookMs);
    this.#looking = false;
    this.#looks++;
    this.#next();
  }
}
