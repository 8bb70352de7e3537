/** Times as people read them. A ts is `seconds.micros`. Pure, but for the reader's time zone. */

export function clockTime(ts: string): string {
  return new Date(Number(ts) * 1_000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

export function day(ts: string): string {
  return new Date(Number(ts) * 1_000).toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });
}

export function exactTime(ts: string): string {
  return new Date(Number(ts) * 1_000).toLocaleString();
}

export function isoTime(ts: string): string {
  return new Date(Number(ts) * 1_000).toISOString();
}
