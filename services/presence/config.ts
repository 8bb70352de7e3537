import { serverFlags } from "../runtime/common-flags.ts";
import { parseFlags, UsageError, type Flags, type Parsed } from "../runtime/flags.ts";

export const flags = {
  ...serverFlags,
  "grace-ms": { type: "number", default: 5_000, min: 0, max: 300_000, env: "RINGWAY_PRESENCE_GRACE_MS", help: "a user stays active this long after the last gateway took leave or died" },
  "settle-ms": { type: "number", default: 2_000, min: 0, max: 60_000, help: "after a start or a change of the ring, users nobody announced are not called away for this long" },
  "link-silence-ms": { type: "number", default: 3_000, min: 100, max: 60_000, help: "a gateway that was silent for this long is taken for dead; gateways ping every second" },
  "max-users": { type: "number", default: 1_000_000, min: 1, max: 10_000_000, help: "users it keeps; what is beyond is refused" },
  "max-watches": { type: "number", default: 5_000_000, min: 1, max: 100_000_000, help: "pairs of a gateway and a user that it watches; what is beyond is refused" },
} as const satisfies Flags;

export type Config = Parsed<typeof flags>;

/** @throws UsageError */
export function readConfig(argv: readonly string[]): Config {
  const config = parseFlags(flags, argv);
  if (config.passEveryMs * 2 > config.ttlMs) throw new UsageError(`--pass-every-ms ${config.passEveryMs} must be at most half of --ttl-ms ${config.ttlMs}`);
  return config;
}
