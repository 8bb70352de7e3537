/** One-shot timers of a pure `state.ts`: they fire inside its `step`, never by themselves. */
export interface Timer {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** A binary heap by due time; timers of one time fire in the order they were set. */
export class Timers {
  readonly #heap: Timer[] = [];
  #order = 0;

  /** @param at milliseconds, on the clock that `step` is given */
  set(at: number, run: () => void): Timer {
    const timer: Timer = { at, order: this.#order++, run };
    const heap = this.#heap;
    let i = heap.length;
    heap.push(timer);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(timer, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = timer;
    return timer;
  }

  /** It won't fire. Its place in the heap is given back when it would have been due. */
  cancel(timer: Timer | undefined): void {
    if (timer !== undefined) timer.run = undefined;
  }

  /** When the next one is due; undefined when there is none. */
  nextAt(): number | undefined {
    while (this.#heap.length > 0 && this.#heap[0]!.run === undefined) this.#pop();
    return this.#heap[0]?.at;
  }

  runDue(now: number): void {
    for (let at = this.nextAt(); at !== undefined && at <= now; at = this.nextAt()) this.#pop().run?.();
  }

  #pop(): Timer {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
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
    return first;
  }
}

function before(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
