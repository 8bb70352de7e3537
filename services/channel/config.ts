import { serverFlags, storeFlags } from "../runtime/common-flags.ts";
import { parseFlags, UsageError, type Flags, type Parsed } from "../runtime/flags.ts";

export const flags = {
  ...serverFlags,
  ...storeFlags,
  "retain-days": { type: "number", default: 0, min: 0, max: 36_500, env: "RINGWAY_RETAIN_DAYS", help: "what is older is removed; 0 = nothing is" },
} as const satisfies Flags;

export type Config = Parsed<typeof flags>;

/** @throws UsageError naming the flag that is wrong, or the two that don't go together */
export function readConfig(argv: readonly string[]): Config {
  const { _, ...config } = parseFlags(flags, argv);
  if (config.passEveryMs * 2 > config.ttlMs) throw new UsageError(`--pass-every-ms ${config.passEveryMs} is more than half of --ttl-ms ${config.ttlMs}`);
  return config;
}
