/**
 * Pings every session once per interval, a share of them per turn of a wheel, and finds those that are silent: exactly three
 * intervals after their last sign of life, since a user is online for as long as that is believed.
 */
import type { Core } from "./core.ts";
import type { SessionId } from "./events.ts";
import type { Session } from "./sessions.ts";

/** Intervals without a sign of life after which a session is closed. */
const silentIntervals = 3;
const spokes = 20;

export class Heartbeat {
  readonly #core: Core;
  readonly #silent: (session: Session) => void;
  readonly #wheel: Set<Session>[] = Array.from({ length: spokes }, () => new Set<Session>());
  #at = 0;
  #turning = false;

  /** @param silent called for a session that showed no sign of life for three intervals */
  constructor(core: Core, silent: (session: Session) => void) {
    this.#core = core;
    this.#silent = silent;
  }

  add(session: Session): void {
    this.#wheel[session.id % spokes]!.add(session);
    if (!this.#turning) this.#turn();
  }

  remove(session: Session): void {
    this.#wheel[session.id % spokes]!.delete(session);
  }

  #turn(): void {
    this.#turning = this.#wheel.some((spoke) => spoke.size > 0);
    if (!this.#turning) return;
    this.#core.after(this.#core.options.heartbeatMs / spokes, () => {
      this.#at = (this.#at + 1) % spokes;
      this.#beat(this.#wheel[this.#at]!);
      this.#turn();
    });
  }

  #check(session: Session, aliveAt: number): void {
    if (this.#wheel[session.id % spokes]!.has(session) && session.aliveAt === aliveAt) this.#silent(session);
  }

  #beat(spoke: ReadonlySet<Session>): void {
    const ping: SessionId[] = [];
    const { now, options } = this.#core;
    for (const session of spoke) {
      ping.push(session.id);
      const { aliveAt } = session;
      const left = aliveAt + silentIntervals * options.heartbeatMs - now;
      if (left < options.heartbeatMs) this.#core.after(left, () => this.#check(session, aliveAt));
    }
    if (ping.length > 0) this.#core.emit({ type: "ping", sessions: ping });
  }
}
