/** Messages: all systems side by side, each in its turn, so that noise hits all alike. */
import type { Bench, Sample } from "./bench.ts";
import type { Cell } from "./scenarios.ts";
import type { Pace } from "./shape.ts";

export interface Effort {
  readonly rounds: number;
  /** Of one run. */
  readonly ms: number;
  /** Also where a cell wants more. */
  readonly longestMs?: number;
  /** Before anything counts, in each cell. */
  readonly warmUpMs: number;
  /** The same in a system's first cell: V8 has then compiled what is hot. */
  readonly firstWarmUpMs: number;
}

/** However slow the cell: what has run some hundred times only V8 leaves uncompiled, which a server that has been up for an hour knows nothing of. */
const warmUpPace: Pace = { inFlight: 8 };

/** What the runs of one system gave: one sample per round, or why there is none. */
export type Runs = readonly Sample[] | { readonly failed: string };

/** Measures one cell on all of them. Their sockets stay open: the next cell may want the same. */
export async function measure(benches: readonly Bench[], cell: Cell, { rounds, ms, longestMs, warmUpMs, firstWarmUpMs }: Effort): Promise<ReadonlyMap<Bench, Runs>> {
  const samples = new Map<Bench, Sample[]>();
  const failed = new Map<Bench, string>();
  const attempt = async (bench: Bench, work: () => Promise<void>): Promise<void> => {
    if (failed.has(bench)) return;
    try {
      await work();
    } catch (error) {
      failed.set(bench, (error as Error).message);
      await bench.end().catch(() => undefined); // a load that ended says so in the next cell
    }
  };
  for (const bench of benches) {
    samples.set(bench, []);
    await attempt(bench, async () => {
      await bench.ready(cell.shape);
      await bench.run("inFlight" in cell.pace ? cell.pace : warmUpPace, bench.isWarm ? warmUpMs : firstWarmUpMs);
      bench.isWarm = true;
    });
  }
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < benches.length; turn++) {
      const bench = benches[(round + turn) % benches.length]!;
      await attempt(bench, async () => void samples.get(bench)!.push(await bench.run(cell.pace, Math.min(cell.ms ?? ms, longestMs ?? Infinity))));
    }
  }
  return new Map(benches.map((bench) => [bench, failed.has(bench) ? { failed: failed.get(bench)! } : samples.get(bench)!]));
}
