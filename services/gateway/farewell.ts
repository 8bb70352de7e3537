/**
 * A gateway that drains or stops takes leave of its sessions one by one, so that the other gateways receive no more
 * reconnects per second than they should. Each session has a turn. A client that said it waits (`x_resume`) is told its
 * turn at once and leaves by itself then; any other comes back the moment it is told, so it is told in its turn. All are
 * served until they are gone.
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

interface Leave {
  timer: Timer | undefined;
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

  constructor(core: Core, hooks: FarewellHooks) {
    this.#core = core;
    this.#hooks = hooks;
  }

  /**
   * Gives each session its turn, from now on; one that has a turn already gets a new one.
   * @param everyMs time between two turns
   * @param patienceMs how long after its turn a client that leaves by itself is still served
   */
  begin(sessions: readonly Session[], everyMs: number, patienceMs: number): void {
    this.#everyMs = everyMs;
    this.#patienceMs = patienceMs;
    this.#nextTurn = this.#core.now;
    for (const session of sessions) this.add(session);
  }

  /** The next turn is the session's. */
  add(session: Session): void {
    let leave = this.#leaving.get(session.id);
    if (leave?.ending === true) return;
    if (leave === undefined) this.#leaving.set(session.id, (leave = { timer: undefined, ending: false }));
    this.#core.cancel(leave.timer);
    const delayMs = Math.ceil(Math.max(0, this.#nextTurn - this.#core.now));
    this.#nextTurn = Math.max(this.#nextTurn, this.#core.now) + this.#everyMs;
    if (session.ticketed?.paced === true) {
      leave.timer = this.#core.after(delayMs + this.#patienceMs, () => this.#end(session, leave));
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
    }
  }

  gone(session: Session): void {
    this.#core.cancel(this.#leaving.get(session.id)?.timer);
    this.#leaving.delete(session.id);
  }

  #tell(session: Session, leave: Leave): void {
    this.#hooks.goodbye(session, 0);
    this.#end(session, leave);
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
