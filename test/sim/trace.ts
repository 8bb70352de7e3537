/** What happened, one line an event. Lines are only made when somebody wants them. */
import type { Kernel } from "./kernel.ts";

export class Trace {
  readonly #kernel: Kernel;
  readonly #take: ((line: string) => void) | undefined;

  /** @param take is given each line; undefined: none are made */
  constructor(kernel: Kernel, take: ((line: string) => void) | undefined) {
    this.#kernel = kernel;
    this.#take = take;
  }

  get on(): boolean {
    return this.#take !== undefined;
  }

  /** @param make only called when the line is wanted; undefined: not worth a line */
  line(make: () => string | undefined): void {
    if (this.#take === undefined) return;
    const text = make();
    if (text !== undefined) this.#take(`${String(Math.round(this.#kernel.now)).padStart(6)} ms  ${text}`);
  }
}
