/** What came of it, as it stands in docs/reliability.md. */
import type { Stalls } from "../../services/delivery/stalls.ts";
import type { Fault, FaultKind } from "../../services/delivery/verify.ts";
import type { RowName } from "./rows.ts";

/** One event; times are of the log's clock, ms. */
export interface Event extends Stalls {
  readonly row: RowName;
  readonly from: number;
  readonly to: number;
}

const shown: readonly FaultKind[] = ["lost", "doubled", "reordered", "falseAck"];

/** @param faults each counts for the event in which it happened */
export function markdown(events: readonly Event[], faults: readonly Fault[]): string[] {
  const rows = [...Map.groupBy(events, ({ row }) => row)].map(([row, list]) => {
    const spread = (of: (event: Event) => number): string => {
      const sorted = list.map(of).sort((a, b) => a - b);
      return `${Math.round(sorted[sorted.length >> 1]!)} / ${Math.round(sorted.at(-1)!)}`;
    };
    const own = faults.filter(({ at }) => at !== undefined && list.some(({ from, to }) => at >= from && at < to));
    const refused = new Map<string, number>();
    for (const event of list) for (const [reason, times] of Object.entries(event.refused)) refused.set(reason, (refused.get(reason) ?? 0) + times);
    const verdict = shown.map((kind) => own.filter((fault) => fault.kind === kind).length).join(" / ");
    return `| ${row} | ${list.length} | ${spread(({ publishMs }) => publishMs)} | ${spread(({ endToEndMs }) => endToEndMs)} | ${[...refused].map(([reason, times]) => `${times} ${reason}`).join(", ") || "none"} | ${verdict} |`;
  });
  return ["| event | events | publish, ms: median / worst | end to end, ms: median / worst | refused, sent again | lost / doubled / reordered / false acks |", "|---|---|---|---|---|---|", ...rows];
}
