/**
 * Timestamps `seconds.micros` as keys. Ten digits of seconds (until the year 2286) and six of micros compare as
 * strings like the numbers they are; what people type ("5", "1700000000") is brought to that width first.
 */

/** The key of a timestamp that may be shorter than the stored ones. Anything beyond ten digits of seconds is later than all. */
export function tsKey(ts: string): string {
  const dot = ts.indexOf(".");
  const seconds = (dot < 0 ? ts : ts.slice(0, dot)).replace(/^0+/, "");
  if (seconds.length > 10) return "~";
  return `${seconds.padStart(10, "0")}.${(dot < 0 ? "" : ts.slice(dot + 1)).slice(0, 6).padEnd(6, "0")}`;
}
