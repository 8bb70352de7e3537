/** The rows and how they are printed: Markdown, so that they read well in a terminal and in docs/benchmarks.md. */
import { show } from "../facts.ts";
import { spread, type Spread } from "../stats.ts";
import type { Samples } from "./cell.ts";
import type { Variant } from "./config.ts";
import { BUCKET_NAMES, type Histogram } from "./histogram.ts";

export interface Row {
  readonly servers: number;
  readonly streams: number;
  readonly variant: string;
  readonly rounds: number;
  /** CPU of the Envoy process per request, µs, over the rounds. */
  readonly cpuUs: Spread;
  /** The same divided by ring_hash's of the same round. */
  readonly ofRingHash: Spread;
  /** What it costs more than an empty filter does, over ring_hash: (cpu − (empty − round_robin)) / ring_hash, by round. */
  readonly ofRingHashBesideEmpty: Spread;
  /** CPU µs per request more than round_robin in the same round. */
  readonly moreThanRoundRobinUs: Spread;
  readonly requestsPerS: Spread;
}

export function rowsOf(servers: number, streams: number, samples: ReadonlyMap<Variant, Samples>): Row[] {
  const cpuOf = (wanted: string): readonly number[] => [...samples].find(([{ name }]) => name === wanted)?.[1].cpuUs ?? [];
  const [ringHash, empty, roundRobin] = [cpuOf("ring_hash"), cpuOf("empty filter"), cpuOf("round_robin")];
  return [...samples].map(([{ name }, { cpuUs, requestsPerS }]) => ({
    servers,
    streams,
    variant: name,
    rounds: cpuUs.length,
    cpuUs: spread(cpuUs),
    ofRingHash: spread(cpuUs.map((us, round) => us / (ringHash[round] ?? NaN))),
    ofRingHashBesideEmpty: spread(cpuUs.map((us, round) => (us - (empty[round] ?? NaN) + (roundRobin[round] ?? NaN)) / (ringHash[round] ?? NaN))),
    moreThanRoundRobinUs: spread(cpuUs.map((us, round) => us - (roundRobin[round] ?? NaN))),
    requestsPerS: spread(requestsPerS),
  }));
}

export function printRows(title: string, rows: readonly Row[]): void {
  console.log(`\n## ${title}: µs per request, median (min–max) of ${rows[0]?.rounds ?? 0} rounds\n`);
  console.log("| servers | open streams | variant | CPU µs per request | over ring_hash | beside the empty filter | requests/s |");
  console.log("|--:|--:|:--|--:|--:|--:|--:|");
  for (const row of rows) {
    const { cpuUs, ofRingHash, ofRingHashBesideEmpty, requestsPerS } = row;
    const beside = row.variant === "ringway" ? show(ofRingHashBesideEmpty, 2) : "";
    console.log(
      `| ${row.servers} | ${row.streams} | ${row.variant} | ${show(cpuUs, 1)} | ${show(ofRingHash, 2)} | ${beside} | ${Math.round(requestsPerS.median)} |`,
    );
  }
}

/** The parts: what each costs beyond plain round robin. */
export function printProfile(rows: readonly Row[]): void {
  console.log(`\n## Where it goes: µs per request, median (min–max) of ${rows[0]?.rounds ?? 0} rounds, ${rows[0]?.servers ?? 0} servers\n`);
  console.log("| variant | CPU µs per request | more than round_robin |\n|:--|--:|--:|");
  for (const { variant, cpuUs, moreThanRoundRobinUs } of rows) console.log(`| ${variant} | ${show(cpuUs, 1)} | ${moreThanRoundRobinUs.median.toFixed(1)} |`);
}

export function printHistograms(title: string, histograms: readonly Histogram[]): void {
  const us = (value: number): string => (value < 10 ? value.toFixed(1) : value.toFixed(0));
  console.log(`\n## ${title}\n\n| | ${BUCKET_NAMES.join(" | ")} | median µs | p99.9 µs | max µs |\n|:--|${"--:|".repeat(BUCKET_NAMES.length + 3)}`);
  for (const { name, counts, medianUs, p999Us, maxUs } of histograms) console.log(`| ${name} | ${counts.join(" | ")} | ${us(medianUs)} | ${us(p999Us)} | ${us(maxUs)} |`);
}
