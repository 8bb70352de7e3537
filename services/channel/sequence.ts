/** Timestamps of a channel: `seconds.micros`, unique and increasing, as close to the clock as that allows. Counted in microseconds. */
import { microsOf } from "../runtime/clock.ts";

/** Microseconds of a stored timestamp; 0 for "". */
export function parseTs(ts: string): number {
  if (ts === "") return 0;
  const [seconds, micros = "0"] = ts.split(".") as [string, string?];
  return Number(seconds) * 1_000_000 + Number(micros.padEnd(6, "0"));
}

/** @param micros a safe integer, i.e. until the year 2255 */
export function formatTs(micros: number): string {
  return `${Math.floor(micros / 1_000_000)}.${String(micros % 1_000_000).padStart(6, "0")}`;
}

/** The timestamp after `lastMicros`, now or, where the clock stands still or went back, one microsecond later. */
export function nextMicros(lastMicros: number, nowMs: number): number {
  return Math.max(microsOf(nowMs), lastMicros + 1);
}
