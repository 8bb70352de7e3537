import type { Request } from "../runtime/http.ts";
import { parseDuration } from "./duration.ts";
import type { Core } from "./core.ts";
import { refuse } from "./text.ts";

/** Consul's own: the wait that is taken where none is given, and the longest. */
const WAIT_DEFAULT_MS = 300_000;
const WAIT_MAX_MS = 600_000;

/**
 * Holds a query with `?index=` until `currentIndex()` is beyond it, or `?wait=` is over.
 * @throws Refusal for a bad index or wait, and where too many wait already
 */
export async function block(core: Core, request: Request, topic: string, currentIndex: () => number): Promise<void> {
  const index = integerOf(request.query, "index") ?? 0;
  const wait = request.query.get("wait");
  const waitMs = wait === null || wait === "" ? WAIT_DEFAULT_MS : parseDuration(wait);
  if (waitMs === undefined) throw refuse(400, "Invalid wait time");
  const until = core.clock.now() + Math.min(waitMs, WAIT_MAX_MS);
  // index=0 does not block, as in Consul. An index from before (a lost data folder) is higher than ours: it waits, and the client starts over.
  while (index > 0 && currentIndex() <= index && !core.waiters.closed && !request.signal.aborted) {
    const left = until - core.clock.now();
    if (left <= 0) return;
    if (core.waiters.full) throw refuse(429, "Too many blocking queries");
    await core.waiters.wait(topic, left, request.signal);
  }
}

/** A query parameter that is a whole number; undefined where it is absent. @throws Refusal */
export function integerOf(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === "") return undefined;
  if (!/^\d{1,16}$/.test(value) || !Number.isSafeInteger(Number(value))) throw refuse(400, `Invalid ${name}`);
  return Number(value);
}
