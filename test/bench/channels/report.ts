/** The rows and how they are printed: Markdown, as they stand in docs/benchmarks.md. */
import type { Memory } from "./memory.ts";
import type { Goal } from "../goals.ts";

export interface Row extends Memory {
  readonly kind: string;
  readonly channels: number;
}

export interface Slope {
  readonly kind: string;
  /** bytes that one more channel takes, between the two largest numbers of channels */
  readonly own: number;
  readonly heap: number;
}

export function slopes(rows: readonly Row[]): Slope[] {
  return [...Map.groupBy(rows, ({ kind }) => kind)].flatMap(([kind, list]) => {
    const [less, more] = list.toSorted((a, b) => a.channels - b.channels).slice(-2);
    if (less === undefined || more === undefined) return [];
    const per = (of: (row: Row) => number): number => (of(more) - of(less)) / (more.channels - less.channels);
    return [{ kind, own: per(({ own }) => own), heap: per(({ heap }) => heap) }];
  });
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);

export function printRows(rows: readonly Row[]): void {
  console.log("\n## Memory, MiB\n\n| | channels | own | JS heap | mapped files |\n|:--|--:|--:|--:|--:|");
  for (const { kind, channels, own, heap, mapped } of rows) console.log(`| ${kind} | ${channels.toLocaleString("en")} | ${mib(own)} | ${mib(heap)} | ${mib(mapped)} |`);
}

export function printSlopes(list: readonly Slope[]): void {
  console.log("\n## One more channel, bytes\n\n| | own | JS heap | 16 million take, GiB |\n|:--|--:|--:|--:|");
  for (const { kind, own, heap } of list) console.log(`| ${kind} | ${own.toFixed(0)} | ${heap.toFixed(0)} | ${((16e6 * own) / 2 ** 30).toFixed(1)} |`);
}

/** A channel's share where 16 million are to fit into 24 GiB. */
const goalBytes = 1_536;

export function goals(list: readonly Slope[], subscribed: string): Goal[] {
  return list.filter(({ kind }) => kind === subscribed).map(({ kind, own }) => ({ goal: `${kind}: ≤ ${goalBytes} bytes`, measured: own.toFixed(0), passed: own <= goalBytes }));
}
