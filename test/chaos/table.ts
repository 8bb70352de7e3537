/** What came of it, one row for each kind of event, beside the targets. */
import type { Fault, FaultKind } from "../../services/delivery/verify.ts";
import { pair, reasons, refusedIn, spreadOf, type Spread } from "../stalls.ts";
import type { Seen } from "./presence-judge.ts";
import type { RowName } from "./rows.ts";

/** Figures of one event, milliseconds. */
export interface Figures {
  readonly row: RowName;
  readonly text: string;
  /** on the log's clock */
  readonly from: number;
  readonly to: number;
  readonly publishMs: number;
  /** from an ack to the last reader */
  readonly deliveryMs: number;
  /** from when a message was due to the last reader */
  readonly endToEndMs: number;
  /** longest silence of what is never stored */
  readonly liveMs: number;
  /** how wrong presence was */
  readonly presence: Seen;
  readonly refused: Readonly<Record<string, number>>;
  /** what of the plane's promises was not kept, besides delivery: it was not whole again in time, or presence was wrong for too long */
  readonly broken: readonly string[];
}

export interface TableRow {
  readonly row: RowName | "between events";
  readonly events: number;
  readonly publishMs: Spread;
  readonly deliveryMs: Spread;
  readonly endToEndMs: Spread;
  readonly liveMs: Spread;
  /** the worst of all events */
  readonly presence: Seen;
  readonly refused: Readonly<Record<string, number>>;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  readonly goals: readonly Goal[];
}

export interface Goal {
  readonly text: string;
  readonly isMet: boolean;
}

type Judge = (row: Omit<TableRow, "goals">) => boolean;

const none = ({ refused }: Pick<TableRow, "refused">): boolean => Object.keys(refused).length === 0;

const unnoticed: readonly (readonly [text: string, Judge])[] = [
  ["0 failed publishes", none],
  ["no stall (< 200 ms)", ({ endToEndMs }) => endToEndMs.worst < 200],
];

/** The targets. "No stall" is taken for less than 200 ms, which a busy machine needs by itself. */
const goals: Partial<Record<RowName, readonly (readonly [text: string, Judge])[]>> = {
  "kill-channel": [
    ["publishes resume < 300 ms median, < 1 s worst", ({ publishMs }) => publishMs.median < 300 && publishMs.worst < 1_000],
    ["delivery resumes < 1 s", ({ endToEndMs }) => endToEndMs.worst < 1_000],
  ],
  "pause-channel": [
    ["publishes resume < 5 s", ({ publishMs }) => publishMs.worst < 5_000],
    ["delivery resumes < 5 s", ({ endToEndMs }) => endToEndMs.worst < 5_000],
  ],
  "kill-gateway": [["delivery resumes < 2 s for a client that retries at once", ({ endToEndMs }) => endToEndMs.worst < 2_000]],
  "drain-channel": [
    ["0 failed publishes", none],
    ["< 200 ms stall", ({ endToEndMs }) => endToEndMs.worst < 200],
  ],
  "drain-gateway": [
    ["0 failed publishes", none],
    ["< 200 ms stall", ({ endToEndMs }) => endToEndMs.worst < 200],
  ],
  "charm-down": unnoticed,
  "registry-down": unnoticed,
  "control-down": unnoticed,
  "store-down": [
    ["refused as store_unavailable, and nothing else", ({ refused }) => Object.keys(refused).join() === "store_unavailable"],
    ["live reads go on (no silence of 1 s)", ({ liveMs }) => liveMs.worst < 1_000],
  ],
};

/** @param faults each counts for the event in which it happened */
export function tableOf(figures: readonly Figures[], faults: readonly Fault[]): TableRow[] {
  const when = (at: number | undefined): Figures | undefined => figures.find(({ from, to }) => at !== undefined && at >= from - 1_000 && at < to);
  const byRow = Map.groupBy(faults, ({ at }) => when(at)?.row ?? ("between events" as const));
  const rows = [...Map.groupBy(figures, ({ row }) => row)].map(([row, events]): TableRow => {
    const bare = {
      row,
      events: events.length,
      publishMs: spreadOf(events.map((event) => event.publishMs)),
      deliveryMs: spreadOf(events.map((event) => event.deliveryMs)),
      endToEndMs: spreadOf(events.map((event) => event.endToEndMs)),
      liveMs: spreadOf(events.map((event) => event.liveMs)),
      presence: worst(events.map((event) => event.presence)),
      refused: refusedIn(events),
      faults: count(byRow.get(row) ?? []),
    };
    return { ...bare, goals: (goals[row] ?? []).map(([text, isMet]) => ({ text, isMet: isMet(bare) })) };
  });
  const elsewhere = byRow.get("between events");
  if (elsewhere !== undefined) rows.push({ row: "between events", events: 0, publishMs: zero, deliveryMs: zero, endToEndMs: zero, liveMs: zero, presence: worst([]), refused: {}, faults: count(elsewhere), goals: [] });
  return rows;
}

/** As it stands in docs/reliability.md. */
export function markdown(rows: readonly TableRow[]): string[] {
  return [
    "| event | events | publish, ms | ack to reader, ms | end to end, ms | live silence, ms | presence wrong, ms: away / active / untold; early | refused, sent again | lost / doubled / reordered / false acks | targets |",
    "|---|---|---|---|---|---|---|---|---|---|",
    ...rows.map(({ row, events, publishMs, deliveryMs, endToEndMs, liveMs, presence, refused, faults, goals }) => {
      const others = Object.entries(faults).filter(([kind]) => !["lost", "doubled", "reordered", "falseAck"].includes(kind)).map(([kind, times]) => `, ${kind} ${times}`);
      const broken = [faults.lost, faults.doubled, faults.reordered, faults.falseAck].map((times) => times ?? 0).join(" / ") + others.join("");
      return `| ${row} | ${events} | ${pair(publishMs)} | ${pair(deliveryMs)} | ${pair(endToEndMs)} | ${pair(liveMs)} | ${Math.round(presence.awayMs)} / ${Math.round(presence.activeMs)} / ${Math.round(presence.untoldMs)}; ${presence.early} | ${reasons(refused)} | ${broken} | ${goals.map(({ text, isMet }) => `${isMet ? "met" : "**missed**"}: ${text}`).join("; ") || "–"} |`;
    }),
  ];
}

const zero: Spread = { median: 0, worst: 0 };

function worst(all: readonly Seen[]): Seen {
  const most = (name: keyof Seen): number => Math.max(0, ...all.map((seen) => seen[name]));
  return { awayMs: most("awayMs"), activeMs: most("activeMs"), untoldMs: most("untoldMs"), early: all.reduce((total, { early }) => total + early, 0) };
}

function count(faults: readonly Fault[]): Partial<Record<FaultKind, number>> {
  const total: Partial<Record<FaultKind, number>> = {};
  for (const { kind } of faults) total[kind] = (total[kind] ?? 0) + 1;
  return total;
}
