/** The sessions of this gateway, by ID and by user. */
import type { MembershipControl, Session as Ticketed } from "../protocol/mesh.ts";
import type { SessionId } from "./events.ts";
import type { Placed } from "./subscribers.ts";
import type { Subscription } from "./subscriptions.ts";
import type { Timer } from "../runtime/timers.ts";

/** A session's part in one channel. */
export interface Member extends Placed {
  readonly sub: Subscription;
  /** boot: before hello; fresh: waits for its first subscription; catching: reads the past; live: in the subscriber list */
  mode: "boot" | "fresh" | "catching" | "live";
  /** deliver what is beyond this offset; undefined: only what comes */
  readonly after: number | undefined;
}

export interface Session {
  readonly id: SessionId;
  /** redeeming → accepting → user (waits for the user's own channel) → listing → joining → live */
  phase: "redeeming" | "accepting" | "user" | "listing" | "joining" | "live";
  user: string;
  ticketed: Ticketed | undefined;
  readonly members: Map<string, Member>;
  /** where it stood in channels it left, so that a join that comes again repeats nothing */
  readonly left: Map<string, number>;
  /** a list of the user's channels was asked for; controls that arrive meanwhile are newer or older than it and wait */
  asking: boolean;
  listFailures: number;
  readonly controls: MembershipControl[];
  /** the list was asked for before the user's own channel was subscribed: ask again when it is */
  listAgain: boolean;
  /** frames that came before hello */
  readonly early: string[];
  earlyChars: number;
  readonly watched: Set<string>;
  /** users whose presence it asked for once and was not told yet */
  readonly asked: Set<string>;
  aliveAt: number;
  timer: Timer | undefined;
}

export class Sessions {
  readonly #byId = new Map<SessionId, Session>();
  readonly #byUser = new Map<string, Set<Session>>();

  get size(): number {
    return this.#byId.size;
  }

  get users(): number {
    return this.#byUser.size;
  }

  get(id: SessionId): Session | undefined {
    return this.#byId.get(id);
  }

  all(): IterableIterator<Session> {
    return this.#byId.values();
  }

  ofUser(user: string): Iterable<Session> {
    return this.#byUser.get(user) ?? [];
  }

  add(id: SessionId, now: number): Session {
    const session: Session = {
      id,
      phase: "redeeming",
      user: "",
      ticketed: undefined,
      members: new Map(),
      left: new Map(),
      asking: false,
      listFailures: 0,
      controls: [],
      listAgain: false,
      early: [],
      earlyChars: 0,
      watched: new Set(),
      asked: new Set(),
      aliveAt: now,
      timer: undefined,
    };
    this.#byId.set(id, session);
    return session;
  }

  /** From here on the user's controls reach it. */
  enlist(session: Session): void {
    const set = this.#byUser.get(session.user);
    if (set === undefined) this.#byUser.set(session.user, new Set([session]));
    else set.add(session);
  }

  remove(session: Session): void {
    this.#byId.delete(session.id);
    const set = this.#byUser.get(session.user);
    if (set?.delete(session) && set.size === 0) this.#byUser.delete(session.user);
  }
}
