/** The delivery checker beside what a test does to a plane, and how long each of it kept people waiting. */
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import { lines } from "../../services/delivery/report.ts";
import { DeliveryRun } from "../../services/delivery/run.ts";
import type { Stalls } from "../../services/delivery/stalls.ts";
import { pair, reasons, refusedIn, spreadOf, throughMs, untilThrough } from "../stalls.ts";
import { everybody } from "./people.ts";
import type { TestPlane } from "./plane.ts";
import { until } from "./wait.ts";

/** One thing that was done, and the waits that it made. */
export interface During extends Stalls {
  /** how long it took to do it */
  readonly tookMs: number;
}

export class DeliveryCheck {
  readonly #run: DeliveryRun;
  readonly #beganAt = performance.now();

  private constructor(run: DeliveryRun) {
    this.#run = run;
  }

  /** Makes channels, connects everybody, begins to send. */
  static async start(plane: TestPlane): Promise<DeliveryCheck> {
    const run = new DeliveryRun({ api: plane.url, tokens: everybody.map(({ token }) => token), channels: 12, writers: 4, readers: 8, rate: 10, seed: 1, patienceMs: 90_000, settleMs: 30_000 });
    await run.start();
    const check = new DeliveryCheck(run);
    await until("messages to flow", () => check.acked > 50, 30_000);
    return check;
  }

  get acked(): number {
    return this.#run.happened.reduce((sum, { type }) => sum + (type === "acked" ? 1 : 0), 0);
  }

  /** Does something and waits until messages flow as before. @returns how long it kept them waiting */
  async during(act: () => Promise<void>): Promise<During> {
    const from = performance.now();
    await act();
    const done = performance.now();
    // Messages that were due before have been seen to be late by then.
    await pause(2 * throughMs);
    await untilThrough(this.#run.timeline, from - 1_000, 60_000);
    return { tookMs: done - from, ...this.#run.timeline.between(from, performance.now()) };
  }

  /** Ends the sending, prints the verdict and expects it to be that all was kept. */
  async kept(): Promise<void> {
    const verdict = await this.#run.stop(false);
    const said = lines(this.#run.plan, verdict, (performance.now() - this.#beganAt) / 1_000);
    console.log(said.join("\n"));
    expect(said.at(-1)).toBe("kept");
  }
}

/** One line: the median and the worst of many waits, of writers and of readers. */
export function stallsOf(what: string, all: readonly During[]): string {
  const figures = (name: "tookMs" | "publishMs" | "endToEndMs"): string => pair(spreadOf(all.map((stalls) => stalls[name])));
  return `${what}: ${all.length} times, median / worst ms: took ${figures("tookMs")}, until an ack ${figures("publishMs")}, from end to end ${figures("endToEndMs")}; refused and sent again: ${reasons(refusedIn(all))}`;
}
