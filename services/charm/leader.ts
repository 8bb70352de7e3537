import type { Registry } from "../registry/client.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";

export const LEADER_KEY = "ringway/leader";
/** How often one that does not lead asks for the lock. */
const TRY_EVERY_MS = 1_000;

export interface Lead {
  readonly registry: Registry;
  /** written under the key; the same for a charm that was restarted, so that it need not wait for its dead self's session to end */
  readonly name: string;
  readonly ttlMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly onChange: (leading: boolean) => void;
}

/**
 * Holds `ringway/leader` by a session of the registry, or tries to, until `signal` is aborted; then gives it back. It only keeps charms
 * from working against each other: what makes their writes safe is compare-and-set.
 */
export async function lead({ registry, name, ttlMs, clock, log, signal, onChange }: Lead): Promise<void> {
  let session: string | undefined;
  let leading = false;
  let renewedAt = 0;
  let trouble = "";
  const turn = (now: boolean): void => {
    if (now === leading) return;
    leading = now;
    log.info({ leading }, now ? "this charm leads" : "this charm does not lead any more");
    onChange(now);
  };
  while (!signal.aborted) {
    try {
      if (session !== undefined && !(await registry.renewSession(session))) session = undefined;
      session ??= await registry.createSession("ringway-charm", ttlMs);
      renewedAt = clock.now();
      trouble = "";
      turn((await registry.acquire(LEADER_KEY, Buffer.from(name), session)) || (await takeOver(registry, name, session)));
    } catch (error) {
      if ((error as Error).message !== trouble) log.warn({ err: error }, "could not take or keep the lead; trying on");
      trouble = (error as Error).message;
      if (clock.now() - renewedAt > ttlMs) turn(false);
    }
    await clock.sleep(leading ? Math.floor(ttlMs / 3) : TRY_EVERY_MS, signal);
  }
  if (session !== undefined) await registry.destroySession(session).catch((error: unknown) => log.debug({ err: error }, "could not give the lead back"));
}

/** Consul ends a dead charm's session only after up to twice its TTL. */
async function takeOver(registry: Registry, name: string, session: string): Promise<boolean> {
  const { entry } = await registry.get(LEADER_KEY);
  if (entry?.session === undefined || entry.session === session || Buffer.from(entry.value).toString("utf8") !== name) return false;
  await registry.destroySession(entry.session);
  return registry.acquire(LEADER_KEY, Buffer.from(name), session);
}
