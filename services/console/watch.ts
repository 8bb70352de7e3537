/** Looks at the plane once a second for all who watch, and not at all while nobody does. */
import { limits } from "../protocol/limits.ts";
import { ProtocolError } from "../protocol/problems.ts";
import type { Log } from "../runtime/log.ts";
import { Times } from "../runtime/times.ts";
import type { Snapshot } from "./snapshot.ts";

const everyMs = 1_000;
/** In the place of a look that failed. */
const failed = Symbol("failed");
type Failed = typeof failed;

export class Watch {
  readonly #look: () => Promise<Snapshot>;
  readonly #log: Log;
  readonly #stopped = new AbortController();
  /** those that wait for the next look */
  readonly #waiting = new Set<(snapshot: Snapshot | Failed | undefined) => void>();
  #running = false;
  watchers = 0;
  looks = 0;
  readonly times = new Times();

  constructor(look: () => Promise<Snapshot>, log: Log) {
    this.#look = look;
    this.#log = log;
  }

  /** @throws ProtocolError overloaded, where `limits.consoleWatchers` watch already */
  refuseTooMany(): void {
    if (this.watchers >= limits.consoleWatchers) throw new ProtocolError("overloaded", `${limits.consoleWatchers} watch already`);
  }

  /**
   * Every look from now on, or as many of them as are asked for in time; ends with `stop`. Each decision of charm's is in one of them.
   * @throws ProtocolError unavailable, where a look failed: nobody waits for one that may not come
   */
  async *follow(): AsyncGenerator<Snapshot, undefined> {
    this.refuseTooMany();
    this.watchers++;
    try {
      let told = 0;
      for (;;) {
        const snapshot = await this.#next();
        if (snapshot === undefined) return;
        if (snapshot === failed) throw new ProtocolError("unavailable", "the look failed: the console's log says why");
        yield { ...snapshot, decisions: snapshot.decisions.filter(({ n }) => n > told) };
        told = snapshot.decisions.at(-1)?.n ?? told;
      }
    } finally {
      this.watchers--;
    }
  }

  stop(): void {
    this.#stopped.abort();
    this.#tell(undefined);
  }

  #next(): Promise<Snapshot | Failed | undefined> {
    if (this.#stopped.signal.aborted) return Promise.resolve(undefined);
    const next = new Promise<Snapshot | Failed | undefined>((resolve) => this.#waiting.add(resolve));
    if (!this.#running) void this.#run();
    return next;
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (this.watchers > 0 && !this.#stopped.signal.aborted) {
        const from = performance.now();
        const snapshot = await this.#tryLook();
        this.looks++;
        this.times.observe(performance.now() - from);
        this.#tell(snapshot);
        await new Promise<void>((resolve) => setTimeout(resolve, Math.max(0, everyMs - (performance.now() - from))));
      }
    } finally {
      this.#running = false;
    }
    // Somebody may have come at the very end.
    if (this.#waiting.size > 0 && !this.#stopped.signal.aborted) void this.#run();
  }

  async #tryLook(): Promise<Snapshot | Failed> {
    try {
      return await this.#look();
    } catch (error) {
      this.#log.error({ err: error }, "a look failed; there is another in a second for who watches then");
      return failed;
    }
  }

  #tell(snapshot: Snapshot | Failed | undefined): void {
    const list = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of list) resolve(snapshot);
  }
}
