/**
 * When what is ready for a socket is written. A write costs the same whether it carries one frame or twenty, here and in the proxy in front, so frames of one turn
 * of the event loop are one write; and a socket that was written to within the last `gatherMs` is busy: what comes for it then waits for more, until the next
 * gathering, and is written within `gatherMs`. A quiet socket waits for nothing but the end of the turn.
 */
import { Times } from "../runtime/times.ts";
import type { Socket } from "../runtime/socket.ts";

/** What waits for one socket at most, bytes; with more it is written at the end of the turn, however busy. */
const gatheredBytes = 64 * 1024;

/** A client's socket, and the frames that are ready for it. */
export interface Outlet {
  readonly socket: Socket;
  /** frames in order; none between two writes. Most writes carry one */
  first: Uint8Array | undefined;
  others: Uint8Array[] | undefined;
  bytes: number;
  /** when it was written to last, ms of `Clock.now` */
  wroteAt: number;
  /** when the first of what is gathered came; 0: nothing is */
  waitsFrom: number;
  due: "none" | "turn" | "gathering";
}

export function newOutlet(socket: Socket): Outlet {
  return { socket, first: undefined, others: undefined, bytes: 0, wroteAt: -Infinity, waitsFrom: 0, due: "none" };
}

export interface Clock {
  /** monotonic, ms */
  now(): number;
  /** runs at the end of this turn of the event loop */
  soon(run: () => void): void;
  later(ms: number, run: () => void): void;
}

export const eventLoop: Clock = {
  now: () => performance.now(),
  soon: (run) => void setImmediate(run),
  later: (ms, run) => void setTimeout(run, ms),
};

export class Gatherer<O extends Outlet> {
  readonly #gatherMs: number;
  readonly #clock: Clock;
  readonly #written: (outlet: O, left: number) => void;
  #turn: O[] = [];
  #gathering: O[] = [];
  /** the frames that were joined last, and what of: sockets in the same channels share the bytes */
  #parts: readonly Uint8Array[] = [];
  #joined: Uint8Array = Buffer.alloc(0);
  /** when this turn first asked for the time; to ask for each frame costs more than it tells */
  #turnAt: number | undefined;
  /** how long it took to write what was gathered last: so much earlier the next writing begins, that its last socket, too, waits no longer than `gatherMs` */
  #writingMs = 0;
  /** how long the first frame of each write that had waited did */
  readonly times = new Times();
  readonly counters = { writes: 0, frames: 0, gathered: 0 };

  /**
   * @param gatherMs 0 = a busy socket does not wait either
   * @param written told after each write how many bytes were left in the socket's queue from before
   */
  constructor(gatherMs: number, written: (outlet: O, left: number) => void, clock: Clock = eventLoop) {
    this.#gatherMs = gatherMs;
    this.#written = written;
    this.#clock = clock;
  }

  /** One more frame (or several, whole ones) for a socket. @param waits whether it may wait for others where the socket is busy */
  add(outlet: O, frame: Uint8Array, waits: boolean): void {
    if (outlet.first === undefined) outlet.first = frame;
    else if (outlet.others === undefined) outlet.others = [frame];
    else outlet.others.push(frame);
    outlet.bytes += frame.length;
    if (outlet.due === "turn") return;
    const mayWait = waits && outlet.bytes < gatheredBytes;
    if (outlet.due === "gathering" && mayWait) return;
    const isBusy = mayWait && this.#gatherMs > 0 && this.#now() - outlet.wroteAt < this.#gatherMs;
    if (!isBusy) {
      outlet.due = "turn";
      if (this.#turn.push(outlet) === 1) this.#clock.soon(this.#endTurn);
    } else if (outlet.due === "none") {
      outlet.due = "gathering";
      outlet.waitsFrom = this.#now();
      if (this.#gathering.push(outlet) === 1) this.#clock.later(Math.max(this.#gatherMs / 2, this.#gatherMs - this.#writingMs), this.#endGathering);
    }
  }

  /** Writes what waits for the socket now. */
  flush(outlet: O): void {
    outlet.due = "none";
    const { first, others } = outlet;
    if (first === undefined) return;
    this.counters.writes++;
    this.counters.frames += 1 + (others?.length ?? 0);
    const bytes = others === undefined ? first : this.#join(first, others);
    outlet.first = outlet.others = undefined;
    outlet.bytes = 0;
    outlet.wroteAt = this.#now();
    if (outlet.waitsFrom > 0) {
      this.times.observe(this.#clock.now() - outlet.waitsFrom);
      outlet.waitsFrom = 0;
    }
    this.#written(outlet, outlet.socket.writeFrame(bytes) - bytes.length);
  }

  #now(): number {
    if (this.#turnAt === undefined) {
      this.#turnAt = this.#clock.now();
      this.#clock.soon(this.#forgetTime);
    }
    return this.#turnAt;
  }

  readonly #forgetTime = (): void => {
    this.#turnAt = undefined;
  };

  readonly #endTurn = (): void => {
    const list = this.#turn;
    this.#turn = [];
    for (const outlet of list) if (outlet.due === "turn") this.flush(outlet);
    this.#parts = [];
  };

  readonly #endGathering = (): void => {
    const list = this.#gathering;
    this.#gathering = [];
    const startedAt = this.#clock.now();
    for (const outlet of list) {
      if (outlet.due !== "gathering") continue;
      this.counters.gathered++;
      this.flush(outlet);
    }
    this.#writingMs = this.#clock.now() - startedAt;
    this.#parts = [];
  };

  #join(first: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
    const parts = this.#parts;
    if (parts.length === others.length + 1 && parts[0] === first && others.every((frame, i) => frame === parts[i + 1])) return this.#joined;
    this.#parts = [first, ...others];
    return (this.#joined = Buffer.concat(this.#parts));
  }
}
