/** What came of a scenario, as a row of the table in docs/reliability.md. */
import type { Stalls } from "../../services/delivery/stalls.ts";
import { lines, verdictOf } from "../../services/delivery/report.ts";
import { CheckError, type DeliveryRun } from "../../services/delivery/run.ts";
import type { Verdict } from "../../services/delivery/verify.ts";
import type { Goal } from "../chaos/table.ts";
import { spreadOf } from "./figures.ts";

export interface Outcome {
  readonly scenario: string;
  /** end to end, ms, of each event; empty where nothing was hurt */
  readonly stallsMs: readonly number[];
  readonly verdict: string;
  readonly isKept: boolean;
  readonly figures: string;
  /** timing; those that are missed break nothing */
  readonly goals: readonly Goal[];
}

/** Ends a run and reads its verdict. A run that can't be judged is not kept. */
export async function judge(run: DeliveryRun, say: (line: string) => void): Promise<Pick<Outcome, "verdict" | "isKept"> & { readonly acked: number; readonly refused: string }> {
  const began = run.happened[0]?.at ?? performance.now();
  let verdict: Verdict & Stalls;
  try {
    verdict = await run.stop(false);
  } catch (error) {
    if (!(error instanceof CheckError)) throw error;
    say(error.message);
    return { verdict: "nothing proven", isKept: false, acked: 0, refused: "" };
  }
  for (const line of lines(run.plan, verdict, (performance.now() - began) / 1_000)) say(line);
  const count = (kind: string): number => verdict.faults.filter((fault) => fault.kind === kind).length;
  const word = verdictOf(verdict);
  const refused = Object.entries(verdict.refused).map(([reason, times]) => `${times} ${reason}`).join(", ");
  return { verdict: `${word}: ${["lost", "doubled", "reordered"].map((kind) => `${count(kind)} ${kind}`).join(", ")} of ${verdict.acked}`, isKept: word === "kept", acked: verdict.acked, refused };
}

/** Waits until whatever was due up to now has an ack and is at every reader. @throws Error where that takes too long */
export async function through(run: DeliveryRun, withinMs: number): Promise<void> {
  const from = performance.now();
  for (let oldest; (oldest = run.timeline.oldestWaiting(0)) !== undefined && oldest < from; ) {
    if (performance.now() - from > withinMs) throw new Error(`a message that was due ${Math.round(from - oldest)} ms before all was well is not through after ${withinMs / 1_000} s more`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export function markdown(outcomes: readonly Outcome[], engine: string): string[] {
  return [
    "| scenario | engine | stalls, ms: median, worst | verdict | figures | timing |",
    "|---|---|---|---|---|---|",
    ...outcomes.map(({ scenario, stallsMs, verdict, figures, goals }) => {
      const stalls = stallsMs.length === 0 ? "–" : Object.values(spreadOf(stallsMs)).map(Math.round).join(", ");
      return `| ${scenario} | ${engine} | ${stalls} | ${verdict} | ${figures} | ${goals.map(({ text, isMet }) => `${isMet ? "met" : "**missed**"}: ${text}`).join("; ") || "–"} |`;
    }),
  ];
}
