/**
 * The store of the plane: what survives every crash. The shipped engine `memory`, behind a way that takes time: calls
 * are carried out in the order in which they arrive, and are carried out also where the caller died or nobody hears the answer.
 */
import { MemoryLog } from "../../services/store/memory-log.ts";
import type { Kernel } from "./kernel.ts";
import type { Network } from "./network.ts";
import type { Process } from "./process.ts";
import type { Random } from "./random.ts";

/** The way to the engine. */
export class Store {
  readonly log = new MemoryLog();
  readonly #kernel: Kernel;
  readonly #net: Network;
  readonly #random: Random;
  /** how long each half of a call takes at most, ms */
  slowMs = 2;
  /** share of the calls that fail */
  failing = 0;
  /** nothing more can be written */
  full = false;
  /** a caller's writes are carried out in order */
  readonly #lastAt = new Map<Process, number>();

  constructor(kernel: Kernel, net: Network, random: Random) {
    this.#kernel = kernel;
    this.#net = net;
    this.#random = random;
  }

  read<T>(from: Process, action: (log: MemoryLog) => T, done: (value: T | undefined) => void): void {
    const fails = this.#fails(from);
    this.#kernel.after(this.#random.between(0.1, this.slowMs), () => {
      const value = fails ? undefined : action(this.log);
      this.#kernel.after(this.#random.between(0.1, 1), () => from.post(() => done(value)));
    });
  }

  /**
   * A write is visible before it is known to be durable.
   * @param done undefined where the store is unavailable: it was carried out, or not, or will be later
   */
  write<T>(from: Process, action: (log: MemoryLog) => T, done: (value: T | undefined) => void): void {
    const fails = this.full || this.#fails(from);
    const fate = this.full ? "never" : fails ? this.#random.pick(["never", "done", "late"] as const) : "done";
    const soon = this.#kernel.now + this.#random.between(0.1, this.slowMs);
    const at = Math.max(fate === "late" ? soon + this.#random.between(0, 3_000) : soon, this.#lastAt.get(from) ?? 0);
    if (fate !== "never") this.#lastAt.set(from, at);
    if (fails) this.#kernel.at(soon + this.#random.between(0.1, this.slowMs), () => from.post(() => done(undefined)));
    if (fate === "never") return;
    this.#kernel.at(at, () => {
      const value = action(this.log);
      if (!fails) this.#kernel.after(this.#random.between(0.1, this.slowMs), () => from.post(() => done(value)));
    });
  }

  #fails(from: Process): boolean {
    return this.#net.isCut([from.place, "store"]) || (this.failing > 0 && this.#random.chance(this.failing));
  }
}
