/** What the registry says of the channel servers' checks, as evidence for the core. */
import type { Registry } from "../registry/client.ts";
import { watch } from "../registry/watch.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";

interface Health {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly onChange: (critical: ReadonlySet<string>) => void;
}

/**
 * Follows which channel servers are critical until `signal` is aborted. One that the registry forgot after it was
 * critical stays so; a registry that does not answer is no evidence against anybody.
 */
export async function followHealth({ registry, clock, log, signal, onChange }: Health): Promise<void> {
  let critical: ReadonlySet<string> = new Set();
  const change = (now: ReadonlySet<string>): void => {
    if (now.size === critical.size && [...now].every((id) => critical.has(id))) return;
    critical = now;
    onChange(now);
  };
  await watch({
    what: "health of the channel servers",
    ask: (blocking) => registry.instances("ringway-channel", blocking),
    take: ({ instances }) => change(criticalAfter(critical, instances)),
    lost: () => change(new Set()),
    clock,
    log,
    signal,
  });
}

export function criticalAfter(before: ReadonlySet<string>, instances: readonly { readonly id: string; readonly passing: boolean }[]): ReadonlySet<string> {
  const now = new Set(before);
  for (const { id, passing } of instances) {
    if (passing) now.delete(id);
    else now.add(id);
  }
  return now;
}
