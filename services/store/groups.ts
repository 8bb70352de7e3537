/**
 * Group commit: writes that are asked for while a transaction waits or is synced go together in the next one. They run
 * on the event loop, so a group is bounded; what is asked for beyond it waits for its turn.
 */

export interface GroupLimits {
  /** of one group */
  readonly actions: number;
  /** of what its actions write; one action may be larger */
  readonly bytes: number;
  /** A group that gets no answer for this long is refused, e.g. where a stopped process keeps the write lock. */
  readonly answerWithinMs: number;
}

export class Groups {
  readonly #commit: (run: () => void) => Promise<void>;
  readonly #limits: GroupLimits;
  /** Those whose actions have not run, in order; only the first is with the engine. */
  #waiting: Group[] = [];

  /** @param commit begins a transaction, calls `run` in it once it may write, and resolves when it is durable */
  constructor(commit: (run: () => void) => Promise<void>, limits: GroupLimits) {
    this.#commit = commit;
    this.#limits = limits;
  }

  /**
   * @param bytes about so much it writes
   * @returns what `action` returned, once its transaction is durable
   * @throws what `action` or its commit threw; the others of its group are carried out all the same where `action` throws
   */
  async write<T>(action: () => T, bytes = 0): Promise<T> {
    let group = this.#waiting.at(-1);
    if (group === undefined || group.size === this.#limits.actions || group.bytes + bytes > this.#limits.bytes) group = this.#add();
    const answer = group.add(action, bytes);
    await group.done;
    return answer() as T;
  }

  /** Resolves when what waits now is answered. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#waiting.map(({ done }) => done));
  }

  #add(): Group {
    const group = new Group();
    const timer = setTimeout(() => {
      this.#leave(group);
      group.refuse(new Error(`no answer within ${this.#limits.answerWithinMs} ms`));
    }, this.#limits.answerWithinMs);
    void group.done.catch(() => undefined).then(() => clearTimeout(timer));
    this.#waiting.push(group);
    if (this.#waiting.length === 1) this.#start(group);
    return group;
  }

  #start(group: Group): void {
    const run = (): void => {
      this.#leave(group);
      group.run();
    };
    this.#commit(run).then(group.answer, (error: unknown) => {
      this.#leave(group);
      group.refuse(error);
    });
  }

  /** The group waits no more; if it was the first, the next is started, but not in the transaction that runs now. */
  #leave(group: Group): void {
    const isFirst = this.#waiting[0] === group;
    this.#waiting = this.#waiting.filter((other) => other !== group);
    const [next] = this.#waiting;
    if (isFirst && next !== undefined) setImmediate(() => void (this.#waiting[0] === next && this.#start(next)));
  }
}

class Group {
  readonly done: Promise<void>;
  readonly answer: () => void;
  readonly refuse: (error: unknown) => void;
  readonly #actions: (() => unknown)[] = [];
  readonly #outcomes: { value?: unknown; error?: unknown }[] = [];
  bytes = 0;

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.answer = resolve;
    this.refuse = reject;
  }

  get size(): number {
    return this.#actions.length;
  }

  /** @returns what gives or throws the action's outcome, when the group is done */
  add(action: () => unknown, bytes: number): () => unknown {
    this.bytes += bytes;
    const index = this.#actions.push(action) - 1;
    return () => {
      const outcome = this.#outcomes[index]!;
      if ("error" in outcome) throw outcome.error;
      return outcome.value;
    };
  }

  run(): void {
    for (const action of this.#actions) {
      try {
        this.#outcomes.push({ value: action() });
      } catch (error) {
        this.#outcomes.push({ error });
      }
    }
  }
}
