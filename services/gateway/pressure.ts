/**
 * Keeps the process below its ceiling of memory. Above a first mark it takes no new session: Envoy asks the next gateway. Above
 * a second one it closes the sockets that have most queued, those who read slowest, until so much is given back.
 */
import { limits } from "../protocol/limits.ts";
import type { Core } from "./core.ts";
import type { MemoryUse } from "../runtime/memory.ts";
import type { SessionId } from "./events.ts";

/** So long after its socket was closed a queue may still be counted as resident, ms. */
const settleMs = 2_000;

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
  /** what was given back lately, and may still be resident */
  readonly #shed: { readonly at: number; readonly bytes: number }[] = [];

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

  measured({ rssBytes, spareBytes, ceilingBytes, heapShare }: MemoryUse): void {
    this.#percent = 100 * Math.max((rssBytes - spareBytes) / ceilingBytes, heapShare);
    // Queues are no part of V8's heap: to close their sockets helps where all that is resident is too much, and shows after a while.
    while (this.#shed.length > 0 && this.#shed[0]!.at + settleMs <= this.#core.now) this.#shed.shift();
    const givenBack = this.#shed.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#excessBytes = rssBytes - (ceilingBytes * limits.memoryFullPercent) / 100 - givenBack;
    if (this.#excessBytes > 0) this.#core.emit({ type: "weigh", sessions: this.#hooks.sessions() });
  }

  /** @param queues bytes that wait to be written, per session */
  weighed(queues: readonly (readonly [SessionId, number])[]): void {
    let bytesShed = 0;
    for (const [session, bytes] of [...queues].sort(([, a], [, b]) => b - a)) {
      if (this.#excessBytes <= bytesShed || bytes < limits.shedQueueBytes) break;
      bytesShed += bytes;
      this.#hooks.shed(session);
    }
    if (bytesShed > 0) this.#shed.push({ at: this.#core.now, bytes: bytesShed });
  }
}
