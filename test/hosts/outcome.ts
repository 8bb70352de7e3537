/** What came of a scenario, as a row of the table in docs/reliability.md. */
import type { Stalls } from "../../services/delivery/stalls.ts";
import { counts, lines, verdictOf } from "../../services/delivery/report.ts";
import { CheckError, type DeliveryRun } from "../../services/delivery/run.ts";
import type { Verdict } from "../../services/delivery/verify.ts";
import type { Goal } from "../chaos/table.ts";
import { reasons, spreadOf } from "../stalls.ts";

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
    return { verdict: "nothing proven", isKept: false, acked: 0, refused: reasons({}) };
  }
  for (const line of lines(run.plan, verdict, (performance.now() - began) / 1_000)) say(line);
  const { lost, doubled, reordered } = counts(verdict);
  const word = verdictOf(verdict);
  return { verdict: `${word}: ${lost} lost, ${doubled} doubled, ${reordered} reordered of ${verdict.acked}`, isKept: word === "kept", acked: verdict.acked, refused: reasons(verdict.refused) };
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
