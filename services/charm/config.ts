import { hostPort, registryTokenFlag, serverFlags, tlsFlags } from "../runtime/common-flags.ts";
import { type Flags, parseFlags, UsageError } from "../runtime/flags.ts";

export const flags = {
  listen: { type: "string", default: "127.0.0.1:8083", help: "address of charm's door and of the embedded registry, ip:port", matches: hostPort },
  data: { type: "string", default: ".ringway/charm", help: "folder of the embedded registry" },
  "registry-url": { type: "string", default: "", env: "RINGWAY_CONSUL_URL", help: "a real Consul; empty = the embedded registry at --listen", matches: /^(https?:\/\/.+)?$/ },
  "registry-token": registryTokenFlag,
  "ring-key": serverFlags["ring-key"],
  // Envoy polls each refresh_delay (200 ms) plus a random part of up to as much again.
  "settle-ms": { type: "number", default: 500, min: 0, max: 60_000, help: "how long endpoints are known to Envoy before the ring names them" },
  "linger-ms": { type: "number", default: 2_000, min: 0, max: 600_000, help: "how long endpoints stay known after the ring dropped them" },
  "boot-grace-ms": { type: "number", default: 3_000, min: 0, max: 600_000, help: "after a start, or the registry's return, how long members that have not registered again are kept" },
  "guard-window-ms": { type: "number", default: 5_000, min: 100, max: 600_000, help: "more than half of a pool turning critical within this time holds its topology" },
  "step-percent": { type: "number", default: 5, min: 1, max: 100, help: "slots of the channel pool that one step of a rebalance moves at most, in percent; 100 = all at once" },
  "warm-within-ms": { type: "number", default: 5_000, min: 0, max: 600_000, help: "how long a rebalance waits for the servers to have taken a step before the next" },
  "session-ttl-ms": { type: "number", default: 10_000, min: 10_000, max: 86_400_000, help: "TTL of the session by which one charm leads (Consul takes 10 s at least)" },
  ...tlsFlags,
  "log-level": serverFlags["log-level"],
} as const satisfies Flags;

export type Config = Omit<ReturnType<typeof parseFlags<typeof flags>>, "_">;

/** @throws UsageError */
export function readConfig(argv: readonly string[]): Config {
  const { _, ...config } = parseFlags(flags, argv);
  if (config.registryUrl === "" && config.data === "") throw new UsageError("--data is required where the registry is embedded (--registry-url is empty)");
  return config;
}
