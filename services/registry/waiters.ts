/** Blocking queries that wait for a topic (`kv:<key>`, `health:<service>`) to change. */
export class Waiters {
  readonly #byTopic = new Map<string, Set<() => void>>();
  readonly #max: number;
  #count = 0;
  #closed = false;

  /** @param max bound of queries that wait at one time */
  constructor(max: number) {
    this.#max = max;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether one more may wait. */
  get full(): boolean {
    return this.#count >= this.#max;
  }

  /** After close nothing waits any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Resolves when `topic` is woken, after `ms`, or when `signal` is aborted. */
  wait(topic: string, ms: number, signal: AbortSignal): Promise<void> {
    if (this.#closed || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const set = this.#byTopic.get(topic) ?? new Set();
      this.#byTopic.set(topic, set);
      this.#count++;
      const done = (): void => {
        if (!set.delete(done)) return;
        this.#count--;
        if (set.size === 0 && this.#byTopic.get(topic) === set) this.#byTopic.delete(topic);
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done);
      set.add(done);
    });
  }

  wake(topic: string): void {
    for (const done of [...(this.#byTopic.get(topic) ?? [])]) done();
  }

  /** Topics that somebody waits for. */
  topics(): string[] {
    return [...this.#byTopic.keys()];
  }

  /** Lets everybody go: the server stops. */
  close(): void {
    this.#closed = true;
    for (const topic of this.topics()) this.wake(topic);
  }
}
