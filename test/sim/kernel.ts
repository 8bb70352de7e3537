/**
 * Virtual time: one queue of what is due, by time and then by the order in which it was asked for. Nothing else in a run
 * has an order of its own, so that a seed replays it exactly.
 */
export interface Task {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

export class Kernel {
  /** milliseconds since the run began */
  now = 0;
  /** tasks that ran */
  steps = 0;
  /** of the times and numbers of all tasks that ran: two runs with one digest took the same course */
  digest = 0;
  readonly #heap: Task[] = [];
  #order = 0;

  /** @param at milliseconds; what lies in the past runs next */
  at(at: number, run: () => void): Task {
    const task: Task = { at: Math.max(at, this.now), order: this.#order++, run };
    let i = this.#heap.push(task) - 1;
    for (let parent = (i - 1) >> 1; i > 0 && before(task, this.#heap[parent]!); parent = (i - 1) >> 1) {
      this.#heap[i] = this.#heap[parent]!;
      i = parent;
    }
    this.#heap[i] = task;
    return task;
  }

  after(ms: number, run: () => void): Task {
    return this.at(this.now + ms, run);
  }

  /** Runs everything that is due up to `until`, or until `done` says so. @returns whether it was done */
  run(until: number, done: () => boolean = () => false): boolean {
    for (let task = this.#heap[0]; task !== undefined && task.at <= until; task = this.#heap[0]) {
      this.#pop();
      const { run } = task;
      if (run === undefined) continue;
      this.now = task.at;
      this.steps++;
      this.digest = Math.imul(this.digest ^ Math.floor(task.at * 1024) ^ Math.imul(task.order, 0x9e3779b1), 0x85ebca6b) >>> 0;
      run();
      if (done()) return true;
    }
    this.now = until;
    return done();
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}

function before(a: Task, b: Task): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
