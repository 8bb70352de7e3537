/** Consul's sessions: a lock's owner, which ends when it is not renewed. Pure, given `now`. */

export interface Session {
  readonly id: string;
  readonly name: string;
  /** 0 = does not expire */
  readonly ttlMs: number;
  readonly behavior: "release" | "delete";
  readonly lockDelayMs: number;
  readonly createIndex: number;
  expiresAt: number;
}

export const sessionLimits = {
  /** Consul's own bounds of a TTL. */
  ttlMinMs: 10_000,
  ttlMaxMs: 86_400_000,
  lockDelayMaxMs: 60_000,
  /** Sessions in all; more is 500 with a clear text. */
  sessions: 1024,
} as const;

export class Sessions {
  readonly #sessions = new Map<string, Session>();
  readonly #delays = new Map<string, number>();

  get size(): number {
    return this.#sessions.size;
  }

  get(id: string): Session | undefined {
    return this.#sessions.get(id);
  }

  add(session: Omit<Session, "expiresAt">, now: number): Session {
    const added = { ...session, expiresAt: deadline(session.ttlMs, now) };
    this.#sessions.set(session.id, added);
    return added;
  }

  renew(id: string, now: number): Session | undefined {
    const session = this.#sessions.get(id);
    if (session !== undefined) session.expiresAt = deadline(session.ttlMs, now);
    return session;
  }

  remove(id: string): Session | undefined {
    const session = this.#sessions.get(id);
    this.#sessions.delete(id);
    return session;
  }

  /** Its end could not be kept. */
  restore(session: Session): void {
    this.#sessions.set(session.id, session);
  }

  /** A session ended while it held `key`: nobody may lock it for the session's lock delay. */
  delay(key: string, session: Session, now: number): void {
    if (session.lockDelayMs > 0) this.#delays.set(key, now + session.lockDelayMs);
  }

  isDelayed(key: string, now: number): boolean {
    return (this.#delays.get(key) ?? 0) > now;
  }

  /** @returns the sessions whose time is over; they are removed by `remove` */
  expired(now: number, stalledMs: number): Session[] {
    for (const [key, until] of this.#delays) if (until <= now) this.#delays.delete(key);
    const over: Session[] = [];
    for (const session of this.#sessions.values()) {
      session.expiresAt += stalledMs;
      if (now >= session.expiresAt) over.push(session);
    }
    return over;
  }
}

function deadline(ttlMs: number, now: number): number {
  return ttlMs === 0 ? Infinity : now + ttlMs;
}
