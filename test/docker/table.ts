/** What came of it, as it stands in docs/reliability.md. */
import type { Stalls } from "../../services/delivery/stalls.ts";
import type { Fault, FaultKind } from "../../services/delivery/verify.ts";
import { pair, reasons, refusedIn, spreadOf } from "../stalls.ts";
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
    const spread = (of: (event: Event) => number): string => pair(spreadOf(list.map(of)));
    const own = faults.filter(({ at }) => at !== undefined && list.some(({ from, to }) => at >= from && at < to));
    const verdict = shown.map((kind) => own.filter((fault) => fault.kind === kind).length).join(" / ");
    return `| ${row} | ${list.length} | ${spread(({ publishMs }) => publishMs)} | ${spread(({ endToEndMs }) => endToEndMs)} | ${reasons(refusedIn(list))} | ${verdict} |`;
  });
  return ["| event | events | publish, ms: median / worst | end to end, ms: median / worst | refused, sent again | lost / doubled / reordered / false acks |", "|---|---|---|---|---|---|", ...rows];
}
