/** What is asked while a batch is on its way goes together in the next one: the database commits once for all of it. */
import { StoreUnavailable } from "./log.ts";

interface Asked<Job, Answer> {
  readonly job: Job;
  answer(answer: Answer): void;
  refuse(error: Error): void;
}

export class Lane<Job, Answer> {
  readonly #gather: (queue: readonly Job[]) => readonly number[];
  readonly #send: (jobs: readonly Job[]) => Promise<readonly (Answer | undefined)[]>;
  #queue: Asked<Job, Answer>[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  /**
   * @param gather chooses from the queue what goes in one batch, by index, rising; at least the first
   * @param send carries a batch out; an answer that is undefined: this one stays in its place, and is gathered again
   */
  constructor(gather: (queue: readonly Job[]) => readonly number[], send: (jobs: readonly Job[]) => Promise<readonly (Answer | undefined)[]>) {
    this.#gather = gather;
    this.#send = send;
  }

  /** @throws what `send` throws */
  ask(job: Job): Promise<Answer> {
    if (this.#closed) return Promise.reject(new StoreUnavailable("it is closed"));
    return new Promise((resolve, reject) => {
      this.#queue.push({ job, answer: resolve, refuse: reject });
      this.#running ??= this.#run();
    });
  }

  /** Nothing is taken any more; resolves when what was asked is answered. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    // What is asked in this turn of the event loop goes along.
    await null;
    while (this.#queue.length > 0) {
      const queue = this.#queue;
      const chosen = this.#gather(queue.map(({ job }) => job));
      try {
        const answers = await this.#send(chosen.map((at) => queue[at]!.job));
        const done = new Map(chosen.map((at, i) => [at, answers[i]]));
        this.#queue = queue.filter(({ answer }, at) => {
          const said = done.get(at);
          if (said !== undefined) answer(said);
          return said === undefined;
        });
      } catch (error) {
        // Those that wait would wait for the same; none of them was sent.
        for (const { refuse } of queue.splice(0)) refuse(error as Error);
      }
    }
    this.#running = undefined;
  }
}
