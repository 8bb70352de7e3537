/** A system that runs, with a load of its own. */
import { isDeepStrictEqual } from "node:util";
import { Load } from "./load.ts";
import type { Opened, Ran } from "./load/main.ts";
import { inWindow } from "./profile.ts";
import { socketsOf, type Pace, type Shape } from "./shape.ts";
import type { Part, Started, System } from "./system.ts";
import { cpuUs, rssKiB } from "./usage.ts";

/** One run of a cell. */
export interface Sample extends Ran {
  /** CPU of each process of the system while it ran, µs */
  readonly cpuUs: Readonly<Record<string, number>>;
}

/** Memory is at rest when two looks so far apart differ by less than so much. */
const rest = { everyMs: 150, ofKiB: 64, tries: 40 };

export class Bench {
  readonly system: System;
  /** it has run at full speed */
  isWarm = false;
  readonly #load: Load;
  readonly #started: Started;
  /** that of the cell whose subscribers are all open */
  #open: Shape | undefined;

  private constructor(system: System, load: Load, started: Started) {
    this.system = system;
    this.#load = load;
    this.#started = started;
  }

  /** Its processes. */
  get parts(): readonly Part[] {
    return this.#started.parts;
  }

  static async start(system: System): Promise<Bench> {
    const load = new Load(system.driver);
    try {
      const started = await system.start(await load.prepare());
      await load.target(started.target);
      return new Bench(system, load, started);
    } catch (error) {
      await load.stop();
      throw error;
    }
  }

  /** Begins a cell, with no subscriber yet. */
  async begin(shape: Shape): Promise<void> {
    await this.#load.begin(shape, (await this.#started.provide?.(shape)) ?? {});
  }

  /** Opens `count` subscribers more, by default all. */
  open(shape: Shape, count = socketsOf(shape), atOnce?: number): Promise<Opened> {
    return this.#load.open(count, atOnce);
  }

  /** All subscribers of a cell, and nobody else; those that are there stay. */
  async ready(shape: Shape): Promise<void> {
    if (this.#open !== undefined && isDeepStrictEqual(this.#open, shape)) return;
    await this.end();
    await this.begin(shape);
    await this.open(shape);
    this.#open = shape;
  }

  async run(pace: Pace, ms: number): Promise<Sample> {
    const before = await this.cpuUs();
    const ran = await inWindow(() => this.#load.run(pace, ms));
    const after = await this.cpuUs();
    return { ...ran, cpuUs: Object.fromEntries(Object.entries(after).map(([name, us]) => [name, us - (before[name] ?? 0)])) };
  }

  /** Closes all sockets. */
  async end(): Promise<void> {
    this.#open = undefined;
    await this.#load.end();
  }

  /** CPU of each of its processes so far, µs. */
  async cpuUs(): Promise<Record<string, number>> {
    return Object.fromEntries(await Promise.all(this.#started.parts.map(async ({ name, pid }) => [name, await cpuUs(pid).catch(() => Promise.reject(new Error(`${name} has ended`)))] as const)));
  }

  /** Resident memory of all its processes when it is at rest and garbage is collected, where it can be told to, KiB. */
  async restingKiB(): Promise<number> {
    let last = NaN;
    for (let i = 0; i < rest.tries; i++) {
      for (const { pid, collects } of this.#started.parts) if (collects) process.kill(pid, "SIGUSR2");
      await new Promise((done) => setTimeout(done, rest.everyMs));
      const sizes = await Promise.all(this.#started.parts.map(({ pid }) => rssKiB(pid)));
      const now = sizes.reduce((sum, size) => sum + size, 0);
      if (i > 2 && Math.abs(now - last) < rest.ofKiB) return now;
      last = now;
    }
    return last;
  }

  async stop(): Promise<void> {
    await this.#started.stop();
    await this.#load.stop();
  }
}
