/** The rows and how they are printed: Markdown, as they stand in docs/benchmarks.md. */
import { show } from "../facts.ts";
import { spread, type Spread } from "../stats.ts";
import type { Sample } from "./subject.ts";
import type { Kind } from "./workload.ts";
import type { Goal } from "../goals.ts";

export interface Row {
  readonly engine: string;
  readonly writers: number;
  readonly kind: Kind;
  readonly rounds: number;
  readonly perS: Spread;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  readonly cpuUs: Spread;
  /** its p99 over the bare engine's in the same round */
  readonly p99OfBare?: Spread;
}

export function rowsOf(engine: string, writers: number, samples: ReadonlyMap<Kind, readonly Sample[]>): Row[] {
  const bare = samples.get("bare");
  return [...samples].map(([kind, list]) => {
    const of = (field: keyof Sample): Spread => spread(list.map((sample) => sample[field]));
    const row = { engine, writers, kind, rounds: list.length, perS: of("perS"), p50Ms: of("p50Ms"), p99Ms: of("p99Ms"), cpuUs: of("cpuUs") };
    return bare === undefined ? row : { ...row, p99OfBare: spread(list.map(({ p99Ms }, round) => p99Ms / (bare[round]?.p99Ms ?? NaN))) };
  });
}

export function printRows(rows: readonly Row[]): void {
  console.log(`\n## Durable appends, median (min–max) of ${rows[0]?.rounds ?? 0} rounds\n`);
  console.log("| engine | writers | | appends/s | p50 ms | p99 ms | p99 of bare | CPU µs |\n|:--|--:|:--|--:|--:|--:|--:|--:|");
  for (const { engine, writers, kind, perS, p50Ms, p99Ms, p99OfBare, cpuUs } of rows) {
    const beside = p99OfBare === undefined || kind === "bare" ? "" : show(p99OfBare, 2);
    console.log(`| ${engine} | ${writers} | ${kind} | ${show(perS, 0)} | ${show(p50Ms, 2)} | ${show(p99Ms, 2)} | ${beside} | ${cpuUs.median.toFixed(0)} |`);
  }
}

/** How much longer than with the bare engine the slowest hundredth may take. */
const limit = 2;

export function goals(rows: readonly Row[]): Goal[] {
  return rows.flatMap(({ engine, writers, kind, p99OfBare }) =>
    kind !== "ringway" || p99OfBare === undefined ? [] : [{ goal: `${engine}, ${writers} writers: p99 ≤ ${limit}× bare`, measured: `${show(p99OfBare, 2)}×`, passed: p99OfBare.median <= limit }],
  );
}
