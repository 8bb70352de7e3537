/** The rows and how they are printed: Markdown, so that they read well in a terminal and in docs/benchmarks.md. */
import { show } from "../facts.ts";
import { spread, type Spread } from "../stats.ts";
import type { Sample } from "./bench.ts";
import type { Runs } from "./cells.ts";
import type { Storm } from "./connections.ts";

/** Messages: one system in one cell, over the rounds. */
export interface Row {
  readonly scenario: string;
  readonly cell: string;
  readonly system: string;
  /** why there are no figures */
  readonly failed?: string;
  /** CPU of all processes of the system per delivered message, µs */
  readonly cpuUs: Spread;
  /** the median, by process */
  readonly byProcess: Readonly<Record<string, number>>;
  readonly deliveriesPerS: Spread;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  readonly p999Ms: Spread;
  /** share of a core that the load took: near 1 it is the load that is measured */
  readonly loadShare: Spread;
}

/** One figure of one system. */
export interface ConnectionRow {
  readonly scenario: string;
  readonly cell: string;
  readonly system: string;
  readonly failed?: string;
  readonly value: Spread;
  readonly unit: string;
}

const none: Spread = { median: NaN, min: NaN, max: NaN };
const total = (sample: Sample): number => Object.values(sample.cpuUs).reduce((sum, us) => sum + us, 0);

export function rowOf(scenario: string, cell: string, system: string, runs: Runs): Row {
  const at = { scenario, cell, system };
  if ("failed" in runs) return { ...at, failed: runs.failed, cpuUs: none, byProcess: {}, deliveriesPerS: none, p50Ms: none, p99Ms: none, p999Ms: none, loadShare: none };
  const of = (value: (sample: Sample) => number): Spread => spread(runs.map(value));
  const names = Object.keys(runs[0]?.cpuUs ?? {});
  return {
    ...at,
    cpuUs: of((run) => total(run) / run.deliveries),
    byProcess: Object.fromEntries(names.map((name) => [name, of((run) => run.cpuUs[name]! / run.deliveries).median])),
    deliveriesPerS: of((run) => (run.deliveries / run.ms) * 1_000),
    p50Ms: of((run) => run.latency.p50Ms),
    p99Ms: of((run) => run.latency.p99Ms),
    p999Ms: of((run) => run.latency.p999Ms),
    loadShare: of((run) => run.loadCpuUs / 1_000 / run.ms),
  };
}

export function connectionRow(scenario: string, cell: string, system: string, unit: string, values: readonly number[] | { readonly failed: string }): ConnectionRow {
  return "failed" in values ? { scenario, cell, system, unit, failed: values.failed, value: none } : { scenario, cell, system, unit, value: spread(values) };
}

export function stormRows(system: string, storms: readonly Storm[] | { readonly failed: string }): ConnectionRow[] {
  const of = (value: (storm: Storm) => number) => ("failed" in storms ? storms : storms.map(value));
  return [
    connectionRow("storm", "until the last is subscribed", system, "connections/s", of(({ perSecond }) => perSecond)),
    connectionRow("storm", "CPU of the system", system, "µs per connection", of(({ cpuUs }) => cpuUs)),
  ];
}

export function printRows(title: string, about: string, rows: readonly Row[], rounds: number): void {
  console.log(`\n### ${title}\n\n${about}; median (min–max) of ${rounds} rounds\n`);
  console.log("| | system | CPU µs per delivery | deliveries/s | p50 ms | p99 ms | p99.9 ms | load's core |\n|:--|:--|--:|--:|--:|--:|--:|--:|");
  for (const row of rows) {
    if (row.failed !== undefined) console.log(`| ${row.cell} | ${row.system} | **failed**: ${row.failed} | | | | | |`);
    else console.log(`| ${row.cell} | ${row.system} | ${show(row.cpuUs, 2)} | ${Math.round(row.deliveriesPerS.median)} | ${row.p50Ms.median.toFixed(2)} | ${row.p99Ms.median.toFixed(2)} | ${row.p999Ms.median.toFixed(2)} | ${Math.round(100 * row.loadShare.median)} % |`);
  }
  for (const { cell, system, byProcess } of rows) {
    if (Object.keys(byProcess).length < 2) continue;
    console.log(`\n${system}, ${cell}, by process: ${Object.entries(byProcess).map(([name, us]) => `${name} ${us.toFixed(2)}`).join(", ")} µs`);
  }
}

export function printConnections(rows: readonly ConnectionRow[], rounds: number): void {
  console.log(`\n### Connections\n\nmedian (min–max) of ${rounds} rounds\n\n| | | system | | |\n|:--|:--|:--|--:|:--|`);
  for (const { scenario, cell, system, value, unit, failed } of rows) console.log(`| ${scenario} | ${cell} | ${system} | ${failed === undefined ? show(value, 1) : `**failed**: ${failed}`} | ${unit} |`);
}
