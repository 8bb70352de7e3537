/**
 * A gateway that drains or stops takes leave of its sessions one by one, so that the other gateways receive no more
 * reconnects per second than they should. Each session has a turn. A client that said it waits (`x_resume`) is told its
 * turn at once and leaves by itself then; any other comes back the moment it is told, so it is told in its turn. All are
 * served until they are gone. Where there is a time by which all shall have left, the turns lie before it, and who is still
 * there then is closed.
 */
import type { Core } from "./core.ts";
import type { SessionId } from "./events.ts";
import type { Session } from "./sessions.ts";
import type { Timer } from "../runtime/timers.ts";

/** A session that is to be closed waits so long for acks that are still due, and looks so often. */
const lastAckWithinMs = 1_000;
const lastAckEveryMs = 50;

export interface FarewellHooks {
  /** tells the client to leave after `delayMs` */
  goodbye(session: Session, delayMs: number): void;
  close(session: Session): void;
  /** publishes of the session that wait for their ack */
  waiting(session: Session): number;
}

export interface Pace {
  /** time between two turns */
  readonly everyMs: number;
  /** how long after its turn a client that leaves by itself is still served */
  readonly patienceMs: number;
  /** begins now in any case, not after the turns that were told before */
  readonly hurry?: boolean;
  /** nobody is served for longer from now on */
  readonly withinMs?: number;
}

interface Leave {
  timer: Timer | undefined;
  /** when the client leaves; Infinity before it was told */
  turn: number;
  /** its end has come; only its last acks are waited for */
  ending: boolean;
}

export class Farewell {
  readonly #core: Core;
  readonly #hooks: FarewellHooks;
  readonly #leaving = new Map<SessionId, Leave>();
  #everyMs = 0;
  #patienceMs = 0;
  #nextTurn = 0;
  #until = Infinity;
  /** the latest turn of a client that leaves in any case */
  #lastTurn = -Infinity;

  constructor(core: Core, hooks: FarewellHooks) {
    this.#core = core;
    this.#hooks = hooks;
  }

  /** Gives each session its turn, after those that have come and those that can't be taken back; one that has a turn already gets a new one. */
  begin(sessions: readonly Session[], { everyMs, patienceMs, hurry = false, withinMs = Infinity }: Pace): void {
    this.#everyMs = everyMs;
    this.#patienceMs = patienceMs;
    this.#until = this.#core.now + withinMs;
    for (const { turn } of this.#leaving.values()) if (turn <= this.#core.now) this.#left(turn);
    this.#nextTurn = hurry ? this.#core.now : Math.max(this.#core.now, this.#lastTurn + everyMs);
    for (const session of sessions) this.add(session);
  }

  /** The next turn is the session's. */
  add(session: Session): void {
    let leave = this.#leaving.get(session.id);
    if (leave?.ending === true) return;
    if (leave === undefined) this.#leaving.set(session.id, (leave = { timer: undefined, turn: Infinity, ending: false }));
    this.#core.cancel(leave.timer);
    const delayMs = Math.ceil(Math.max(0, Math.min(this.#nextTurn, this.#until) - this.#core.now));
    this.#nextTurn = Math.max(this.#nextTurn, this.#core.now) + this.#everyMs;
    if (session.ticketed?.paced === true) {
      leave.turn = this.#core.now + delayMs;
      leave.timer = this.#core.after(Math.max(delayMs, Math.min(delayMs + this.#patienceMs, this.#until - this.#core.now)), () => this.#end(session, leave));
      this.#hooks.goodbye(session, delayMs);
    } else if (delayMs === 0) this.#tell(session, leave);
    else leave.timer = this.#core.after(delayMs, () => this.#tell(session, leave));
  }

  /** The gateway takes clients again: who was not told to leave may stay. */
  cancel(): void {
    for (const [id, leave] of [...this.#leaving]) {
      if (leave.ending) continue;
      this.#core.cancel(leave.timer);
      this.#leaving.delete(id);
      this.#left(leave.turn);
    }
  }

  gone(session: Session): void {
    const leave = this.#leaving.get(session.id);
    if (leave === undefined) return;
    this.#core.cancel(leave.timer);
    this.#leaving.delete(session.id);
    if (leave.turn < Infinity) this.#left(Math.min(leave.turn, this.#core.now));
  }

  #tell(session: Session, leave: Leave): void {
    leave.turn = this.#core.now;
    this.#hooks.goodbye(session, 0);
    this.#end(session, leave);
  }

  #left(turn: number): void {
    if (turn < Infinity) this.#lastTurn = Math.max(this.#lastTurn, turn);
  }

  #end(session: Session, leave: Leave): void {
    leave.ending = true;
    const until = this.#core.now + lastAckWithinMs;
    const look = (): void => {
      if (this.#hooks.waiting(session) === 0 || this.#core.now >= until) return this.#hooks.close(session);
      leave.timer = this.#core.after(lastAckEveryMs, look);
    };
    look();
  }
}
