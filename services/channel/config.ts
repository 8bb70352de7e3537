import { rateFlags, serverFlags, storeFlags } from "../runtime/common-flags.ts";
import { parseFlags, UsageError, type Flags, type Parsed } from "../runtime/flags.ts";

export const flags = {
  ...serverFlags,
  ...storeFlags,
  "channel-messages-per-second": { type: "number", default: 1_000, min: 0, max: 1_000_000, env: "RINGWAY_CHANNEL_MESSAGES_PER_SECOND", help: "messages, edits and reactions that one channel takes; 0 = no limit" },
  "channel-typing-per-second": { type: "number", default: 100, min: 0, max: 1_000_000, env: "RINGWAY_CHANNEL_TYPING_PER_SECOND", help: "signs of typing that one channel passes on, the others are dropped; 0 = no limit" },
  "burst-seconds": rateFlags["burst-seconds"],
  "retain-days": { type: "number", default: 0, min: 0, max: 36_500, env: "RINGWAY_RETAIN_DAYS", help: "what is older is removed; 0 = nothing is" },
} as const satisfies Flags;

export type Config = Parsed<typeof flags>;

/** @throws UsageError naming the flag that is wrong, or the two that don't go together */
export function readConfig(argv: readonly string[]): Config {
  const { _, ...config } = parseFlags(flags, argv);
  if (config.passEveryMs * 2 > config.ttlMs) throw new UsageError(`--pass-every-ms ${config.passEveryMs} is more than half of --ttl-ms ${config.ttlMs}`);
  return config;
}
