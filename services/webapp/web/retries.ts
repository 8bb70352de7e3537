/** What must be read in the end: each by its key, a few at once, and again until it succeeds. */
import { Backoff, RingwayError } from "@ringway/client";

/** Reads that are under way at once. */
const atOnce = 4;
const pauses = { leastMs: 500, mostMs: 30_000 };

export interface Surroundings {
  readonly isConnected: () => boolean;
  /** told once for each that fails, however often it does */
  readonly failed: (error: unknown) => void;
  /** told after each success. @param left that are still to be done */
  readonly done: (left: number) => void;
}

interface Task {
  work: () => Promise<void>;
  state: "queued" | "running" | "waiting";
  /** asked for while it ran: what it found may be too old */
  isStale: boolean;
  readonly backoff: Backoff;
  hasFailed: boolean;
  /** the server said when to come again: nobody comes before */
  isHeld: boolean;
  timer: ReturnType<typeof setTimeout> | undefined;
}

export class Retries {
  readonly #around: Surroundings;
  readonly #tasks = new Map<string, Task>();
  readonly #queue: string[] = [];
  #running = 0;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  has(key: string): boolean {
    return this.#tasks.has(key);
  }

  /** @param now somebody waits for it: before all others, and not after a pause */
  ask(key: string, work: () => Promise<void>, now = false): void {
    const task: Task = this.#tasks.get(key) ?? { work, state: "queued", isStale: false, backoff: new Backoff(pauses), hasFailed: false, isHeld: false, timer: undefined };
    task.work = work;
    if (!this.#tasks.has(key)) {
      this.#tasks.set(key, task);
      this.#enqueue(key, task, now);
    } else if (task.state === "running") task.isStale = true;
    else if (task.state === "waiting" && now && !task.isHeld) this.#enqueue(key, task, now);
    this.#run();
  }

  drop(key: string): void {
    clearTimeout(this.#tasks.get(key)?.timer);
    this.#tasks.delete(key);
  }

  /** What failed for want of a connection is tried now. */
  connected(): void {
    for (const [key, task] of this.#tasks) if (task.state === "waiting" && !task.isHeld) this.#enqueue(key, task, false);
    this.#run();
  }

  close(): void {
    for (const key of [...this.#tasks.keys()]) this.drop(key);
  }

  #enqueue(key: string, task: Task, first: boolean): void {
    clearTimeout(task.timer);
    task.state = "queued";
    if (first) this.#queue.unshift(key);
    else this.#queue.push(key);
  }

  #run(): void {
    while (this.#running < atOnce && this.#queue.length > 0) {
      const key = this.#queue.shift()!;
      const task = this.#tasks.get(key);
      if (task?.state === "queued") void this.#try(key, task);
    }
  }

  async #try(key: string, task: Task): Promise<void> {
    task.state = "running";
    task.isStale = false;
    this.#running++;
    try {
      await task.work();
      if (this.#tasks.get(key) === task) {
        task.backoff.reset();
        if (task.isStale) this.#enqueue(key, task, false);
        else this.#tasks.delete(key);
      }
      this.#around.done(this.#tasks.size);
    } catch (error) {
      if (this.#tasks.get(key) === task) this.#later(key, task, error);
    }
    this.#running--;
    this.#run();
  }

  #later(key: string, task: Task, error: unknown): void {
    const heldMs = error instanceof RingwayError ? error.retryAfterMs : undefined;
    task.state = "waiting";
    task.isHeld = heldMs !== undefined;
    // Without a connection `connected` has the say.
    task.timer = setTimeout(() => {
      task.isHeld = false;
      if (!this.#around.isConnected()) return;
      this.#enqueue(key, task, false);
      this.#run();
    }, task.backoff.next(heldMs));
    if (!task.hasFailed) this.#around.failed(error);
    task.hasFailed = true;
  }
}
