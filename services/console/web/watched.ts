/** What the page has seen: the last look, what charm decided, and a window of figures for the charts. */
import type { Snapshot } from "../snapshot.ts";

/** Looks that the charts show, one a second. */
const window = 300;
/** As many as charm itself keeps. */
const mostDecisions = 500;

export interface Watched {
  readonly last: Snapshot;
  /** when it came, by performance.now(): the server's clock may be another */
  readonly at: number;
  /** how many looks there were: a change is surely in the second one that comes after it */
  readonly looks: number;
  readonly decisions: Snapshot["decisions"];
  readonly history: readonly Point[];
}

export interface Point {
  /** seconds since 1970 */
  readonly at: number;
  readonly messages: number;
  readonly p50: number | null;
  readonly p99: number | null;
  readonly connects: number;
  readonly misdirected: number | null;
  readonly takenOver: number;
}

export function see(before: Watched | undefined, last: Snapshot, at: number): Watched {
  const { figures, envoys } = last;
  const misdirected = envoys.flatMap(({ misdirected_per_second }) => misdirected_per_second ?? []);
  const point: Point = {
    at: last.at / 1_000,
    messages: figures.messages_per_second,
    p50: figures.deliveries.p50_ms,
    p99: figures.deliveries.p99_ms,
    connects: figures.connects_per_second,
    misdirected: misdirected.length === 0 ? null : misdirected.reduce((sum, value) => sum + value, 0),
    takenOver: figures.taken_over,
  };
  const known = before?.decisions.at(-1)?.n ?? 0;
  return {
    last,
    at,
    looks: (before?.looks ?? 0) + 1,
    // A stream that was opened again begins with all of them.
    decisions: [...(before?.decisions ?? []), ...last.decisions.filter(({ n }) => n > known)].slice(-mostDecisions),
    history: [...(before?.history ?? []), point].slice(-window),
  };
}
