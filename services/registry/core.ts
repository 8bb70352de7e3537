import { randomUUID } from "node:crypto";
import type { Clock } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import type { Disk } from "./disk.ts";
import { Health } from "./health.ts";
import { type Change, Kv } from "./kv.ts";
import { type Session, Sessions } from "./sessions.ts";
import { refuse } from "./text.ts";
import { Waiters } from "./waiters.ts";

export const registryLimits = {
  /** Blocking queries that wait at one time; more is 429. */
  watchers: 4096,
  /** Changes that wait for the disk; more is 429. */
  waitingChanges: 1024,
} as const;

/** How far indexes are promised on disk ahead of use, so that what is not written (health) can't take them back. */
const RESERVE = 10_000;

/** The tables, their one index and the queue of changes in front of the disk. */
export class Core {
  readonly kv: Kv;
  readonly health: Health;
  readonly sessions = new Sessions();
  readonly waiters = new Waiters(registryLimits.watchers);
  readonly clock: Clock;
  readonly #disk: Disk | undefined;
  readonly #log: Log;
  #index: number;
  #reserved: number;
  #queue: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #ending = new Set<string>();

  constructor(index: number, entries: ConstructorParameters<typeof Kv>[0], disk: Disk | undefined, clock: Clock, log: Log) {
    this.#index = index;
    this.#reserved = index;
    this.kv = new Kv(entries, index);
    this.health = new Health(index);
    this.#disk = disk;
    this.clock = clock;
    this.#log = log;
  }

  /** The next index, for a change of services. */
  readonly takeIndex = (): number => {
    this.#index++;
    if (this.#isShort(this.#index) && this.#waiting === 0) {
      this.change(() => new Map()).catch((error: unknown) => this.#log.error({ err: error }, "could not reserve indexes"));
    }
    return this.#index;
  };

  #isShort(index: number): boolean {
    return index > this.#reserved - RESERVE / 2;
  }

  newId(): string {
    return randomUUID();
  }

  /**
   * Changes keys, one change after another: `plan` sees all earlier ones, and nothing is visible before it is on disk.
   * @returns whether the plan had a change ("no" is `undefined`)
   */
  async change(plan: (index: number) => Change | undefined): Promise<boolean> {
    if (this.#waiting >= registryLimits.waitingChanges) throw refuse(429, "Too many changes wait for the disk");
    this.#waiting++;
    const turn = this.#queue.then(() => this.#carryOut(plan));
    this.#queue = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#waiting--;
    }
  }

  async #carryOut(plan: (index: number) => Change | undefined): Promise<boolean> {
    const index = this.#index + 1;
    const change = plan(index);
    if (change === undefined) return false;
    const reserved = this.#isShort(index) ? index + RESERVE : this.#reserved;
    if (change.size > 0 || reserved > this.#reserved) await this.#disk?.save({ reserved, entries: this.kv.with(change) });
    this.#reserved = reserved;
    // Services may have taken indexes while the disk wrote: what is visible keeps the planned index, the counter the higher one.
    this.#index = Math.max(this.#index, index);
    this.kv.apply(change, index);
    for (const key of change.keys()) this.wakeKey(key);
    return true;
  }

  wakeKey(key: string): void {
    for (const topic of this.waiters.topics()) {
      if (topic === `kv:${key}` || (topic.startsWith("kv-prefix:") && key.startsWith(topic.slice(10)))) this.waiters.wake(topic);
    }
  }

  wakeServices(names: readonly string[]): void {
    for (const name of names) this.waiters.wake(`health:${name}`);
  }

  async endSession(session: Session): Promise<void> {
    if (this.#ending.has(session.id)) return;
    this.#ending.add(session.id);
    try {
      await this.change((index) => {
        const change = this.kv.planSessionEnd(session.id, session.behavior, index);
        for (const key of change.keys()) this.sessions.delay(key, session, this.clock.now());
        this.sessions.remove(session.id);
        return change;
      });
    } catch (error) {
      this.sessions.restore(session); // its locks still name it: the next sweep tries again
      throw error;
    } finally {
      this.#ending.delete(session.id);
    }
  }

  sweep(now: number, stalledMs: number): void {
    if (stalledMs >= 1_000) this.#log.warn({ stalledMs }, "the registry stood still; deadlines are moved on");
    this.wakeServices(this.health.sweep(now, stalledMs, this.takeIndex));
    for (const session of this.sessions.expired(now, stalledMs)) {
      this.endSession(session).catch((error: unknown) => this.#log.error({ err: error }, "could not end a session"));
    }
  }

  settled(): Promise<unknown> {
    return this.#queue;
  }
}
