import { rateFlags, serverFlags } from "../runtime/common-flags.ts";
import { parseFlags, UsageError, type Flags, type Parsed } from "../runtime/flags.ts";

export const flags = {
  ...serverFlags,
  "max-sessions": { type: "number", default: 20_000, min: 1, max: 1_000_000, help: "client sockets it takes; more are refused with 503" },
  "deflate-bytes": { type: "number", default: 0, min: 0, max: 1_048_576, env: "RINGWAY_DEFLATE_BYTES", help: "events of so many bytes or more are compressed for clients that offer permessage-deflate; 0 = the offer is declined" },
  "gather-ms": { type: "number", default: 20, min: 0, max: 1_000, env: "RINGWAY_GATHER_MS", help: "events for a socket that was written to within this time wait so long at most, to be one write; a quiet socket waits for nothing" },
  "memory-mib": { type: "number", default: 0, min: 0, max: 16_777_216, env: "RINGWAY_GATEWAY_MEMORY_MIB", help: "ceiling of its memory: at 80 % it takes no new clients, beyond 90 % it closes the slowest readers; 0 = three quarters of its container's memory, or half of the machine's" },
  "heartbeat-ms": { type: "number", default: 20_000, min: 200, max: 25_000, help: "how often a client is pinged; it is closed after three of these without a sign of life" },
  "hello-within-ms": { type: "number", default: 3_000, min: 100, max: 30_000, help: "a session gets its hello after this long even when a channel's owner does not answer" },
  "resume-ms": { type: "number", default: 300_000, min: 1_000, max: 86_400_000, env: "RINGWAY_RESUME_MS", help: "a client that comes back is sent what it missed, as far as it is not older than this; the rest is an x_gap" },
  "resume-events": { type: "number", default: 10_000, min: 1, max: 1_000_000, env: "RINGWAY_RESUME_EVENTS", help: "how many missed events per channel it is sent at most" },
  "reconnects-per-second": { type: "number", default: 200, min: 1, max: 100_000, env: "RINGWAY_RECONNECTS_PER_SECOND", help: "gateways that drain send together at most so many clients to the others per second" },
  "leave-within-ms": { type: "number", default: 30_000, min: 0, max: 3_600_000, help: "a draining gateway closes a client that was told when to leave and has not left so long after" },
  "drain-ms": { type: "number", default: 2_000, min: 0, max: 8_000, help: "a gateway that is told to stop says goodbye to all its clients within this time; to keep to the rate, drain it first" },
  "publish-within-ms": { type: "number", default: 10_000, min: 500, max: 60_000, help: "a message that no server took for this long is refused as unavailable" },
  ...rateFlags,
  "user-presence-per-second": { type: "number", default: 1_000, min: 0, max: 1_000_000, env: "RINGWAY_USER_PRESENCE_PER_SECOND", help: "users that one user may ask about by presence_sub and presence_query; more is answered rate_limited; 0 = no limit" },
  "user-typing-per-second": { type: "number", default: 50, min: 0, max: 1_000_000, env: "RINGWAY_USER_TYPING_PER_SECOND", help: "typing frames of one user that are passed on, the others are dropped; 0 = no limit" },
  "link-ping-ms": { type: "number", default: 1_000, min: 50, max: 30_000, help: "how often a link is pinged" },
  "link-silence-ms": { type: "number", default: 3_000, min: 100, max: 60_000, help: "a link that was silent for this long is broken; at least twice --link-ping-ms" },
} as const satisfies Flags;

export type Config = Parsed<typeof flags>;

/** @throws UsageError */
export function readConfig(argv: readonly string[]): Config {
  const config = parseFlags(flags, argv);
  if (config.passEveryMs * 2 > config.ttlMs) throw new UsageError(`--pass-every-ms ${config.passEveryMs} must be at most half of --ttl-ms ${config.ttlMs}`);
  if (config.linkPingMs * 2 > config.linkSilenceMs) throw new UsageError(`--link-ping-ms ${config.linkPingMs} must be at most half of --link-silence-ms ${config.linkSilenceMs}`);
  if (config.helloWithinMs > config.publishWithinMs) throw new UsageError(`--hello-within-ms ${config.helloWithinMs} must not be above --publish-within-ms ${config.publishWithinMs}`);
  return config;
}
