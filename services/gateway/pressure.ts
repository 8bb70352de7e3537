/**
 * Keeps the process below its ceiling of memory. Above a first mark it takes no new session: Envoy asks the next gateway. Above
 * a second one it closes the sockets that have most queued, those who read slowest, until so much is given back.
 */
import { limits } from "../protocol/limits.ts";
import type { Core } from "./core.ts";
import type { SessionId } from "./events.ts";

export interface PressureHooks {
  /** whose queues can be given back */
  sessions(): readonly SessionId[];
  /** reads slowest of all */
  shed(session: SessionId): void;
}

export class Pressure {
  readonly #core: Core;
  readonly #hooks: PressureHooks;
  #percent = 0;
  #excessBytes = 0;

  constructor(core: Core, hooks: PressureHooks) {
    this.#core = core;
    this.#hooks = hooks;
  }

  /** Whether no new session is taken. */
  get busy(): boolean {
    return this.#percent >= limits.memoryBusyPercent;
  }

  /** of the ceiling, for people */
  get percent(): number {
    return Math.round(this.#percent);
  }

  measured(usedBytes: number, ceilingBytes: number): void {
    this.#percent = (100 * usedBytes) / ceilingBytes;
    this.#excessBytes = usedBytes - (ceilingBytes * limits.memoryFullPercent) / 100;
    if (this.#excessBytes > 0) this.#core.emit({ type: "weigh", sessions: this.#hooks.sessions() });
  }

  /** @param queues bytes that wait to be written, per session */
  weighed(queues: readonly (readonly [SessionId, number])[]): void {
    for (const [session, bytes] of [...queues].sort(([, a], [, b]) => b - a)) {
      if (this.#excessBytes <= 0 || bytes < limits.shedQueueBytes) return;
      this.#excessBytes -= bytes;
      this.#hooks.shed(session);
    }
  }
}
