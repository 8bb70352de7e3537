/**
 * A process of the plane: it handles one thing at a time. Stopped (SIGSTOP), what is due for it waits; killed, it is gone
 * with all it had in memory, and what was for it comes to nothing.
 */
import type { Kernel } from "./kernel.ts";

export interface Timer {
  run: (() => void) | undefined;
}

export class Process {
  readonly name: string;
  /** the same for all incarnations of a server */
  readonly place: string;
  readonly #kernel: Kernel;
  #state: "running" | "paused" | "dead" = "running";
  #timers: Timer[] = [];
  #mail: (() => void)[] = [];
  readonly #onDeath = new Set<() => void>();

  constructor(kernel: Kernel, place: string, name = place) {
    this.#kernel = kernel;
    this.place = place;
    this.name = name;
  }

  get alive(): boolean {
    return this.#state !== "dead";
  }

  get paused(): boolean {
    return this.#state === "paused";
  }

  /** Something arrives for the process. */
  post(run: () => void): void {
    if (this.#state === "running") run();
    else if (this.#state === "paused") this.#mail.push(run);
  }

  /** Runs after `ms`, or when the process goes on after that. */
  after(ms: number, run: () => void): Timer {
    const timer: Timer = { run };
    this.#kernel.after(ms, () => {
      if (this.#state === "running") timer.run?.();
      else if (this.#state === "paused") this.#timers.push(timer);
    });
    return timer;
  }

  pause(): void {
    if (this.#state === "running") this.#state = "paused";
  }

  /** What waited happens now: timers first, as in Node's event loop. */
  resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "running";
    const timers = this.#timers.splice(0);
    const mail = this.#mail.splice(0);
    for (const timer of timers) if (this.alive) timer.run?.();
    for (const run of mail) if (this.alive) run();
  }

  kill(): void {
    if (this.#state === "dead") return;
    this.#state = "dead";
    this.#timers = [];
    this.#mail = [];
    for (const run of [...this.#onDeath]) run();
    this.#onDeath.clear();
  }

  /** @returns takes it back */
  onDeath(run: () => void): () => void {
    this.#onDeath.add(run);
    return () => this.#onDeath.delete(run);
  }
}
