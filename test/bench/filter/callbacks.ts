/** How long the filter's callbacks take while the ring changes, by the emulator. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { histogram, type Histogram } from "./histogram.ts";
import type { Kind, Times } from "./stopwatch.ts";
import type { Fact } from "../facts.ts";

/** Changes before V8 has compiled for good what the filter does. */
const WARM_UP = 50;
/**
 * `--expose-gc` lets the stopwatch collect the emulator's garbage between callbacks. After so many calls V8 compiles the passage between JavaScript and
 * wasm anew, which takes 1 ms in the middle of a callback; Envoy calls from C++ and has no such passage, so that is put off for good.
 */
const V8_FLAGS = ["--expose-gc", "--wasm-wrapper-tiering-budget=100000000"];

export interface Callbacks {
  /** By kind: the least of the runs for each callback, without the warm-up. */
  readonly histograms: readonly Histogram[];
  readonly facts: readonly Fact[];
}

async function times(changes: number): Promise<Times> {
  const child = fork(fileURLToPath(new URL("stopwatch.ts", import.meta.url)), [String(changes)], { execArgv: V8_FLAGS });
  const exit = once(child, "exit").then(() => {
    throw new Error("the stopwatch ended without a result");
  });
  const [result] = (await Promise.race([once(child, "message"), exit])) as [Times];
  exit.catch(() => {});
  return result;
}

/** The same changes several times over, each time in a fresh process; what disturbs a callback from outside only ever adds, so the least counts. */
export async function callbacks(changes: number, repeats: number): Promise<Callbacks> {
  const runs: Times[] = [];
  for (let i = 0; i < repeats; i++) runs.push(await times(WARM_UP + changes));
  const kinds = Object.keys(runs[0] ?? {}) as Kind[];
  const histograms = kinds.map((kind) => {
    const [first = [], ...others] = runs.map((run) => run[kind]);
    const from = (first.length / (WARM_UP + changes)) * WARM_UP;
    const least = first.map((us, i) => Math.min(us, ...others.map((other) => other[i] ?? Infinity)));
    return histogram(kind, least.slice(from));
  });
  const firsts: readonly Kind[] = ["answer to the poll (adopts and shares)", "tick that adopts", "first request for a slot"];
  const all = firsts.map((kind): Fact => {
    const us = runs.map((run) => Math.round(run[kind][0] ?? NaN)).sort((a, b) => a - b);
    return { name: `before V8 has optimised anything, the very first ${kind.replace("first ", "")}, in ${repeats} fresh processes`, value: us.join(", "), unit: "µs" };
  });
  const worst = Math.max(...histograms.map(({ maxUs }) => maxUs));
  return { histograms, facts: [...all, { name: "worst callback at 1000 servers (emulator)", value: Math.round(worst), unit: "µs" }] };
}
