import { rateFlags, serverFlags, storeFlags, tlsFlags } from "../runtime/common-flags.ts";
import { parseFlags, UsageError, type Flags, type Parsed } from "../runtime/flags.ts";

const { listen, zone, weight, "registry-url": registryUrl, "registry-token": registryToken, "mesh-url": meshUrl, "ttl-ms": ttlMs, "pass-every-ms": passEveryMs, "log-level": logLevel } = serverFlags;

const tier = { type: "number", min: 0, max: 1_000_000 } as const;
const calls = "calls of one user to each method of tier";

export const flags = {
  id: { ...serverFlags.id, default: "webapp-0", help: "this server's ID, 1..64 of [A-Za-z0-9_-]" },
  listen,
  zone,
  weight,
  "registry-url": registryUrl,
  "registry-token": registryToken,
  "mesh-url": meshUrl,
  "ttl-ms": ttlMs,
  "pass-every-ms": passEveryMs,
  ...tlsFlags,
  "log-level": logLevel,
  ...storeFlags,
  dev: { type: "boolean", help: "development mode: users, channels and tokens that everybody knows" },
  chat: { type: "boolean", help: "serve the chat page at / (the status page is at /status then)" },
  "ticket-ttl-ms": { type: "number", default: 30_000, min: 1_000, max: 600_000, help: "how long the URL of rtm.connect may be unused" },
  ...rateFlags,
  "api-tier1-per-minute": { ...tier, default: 3_000, env: "RINGWAY_API_TIER1_PER_MINUTE", help: `${calls} 1 (rtm.connect …); 0 = no limit` },
  "api-tier2-per-minute": { ...tier, default: 3_000, env: "RINGWAY_API_TIER2_PER_MINUTE", help: `${calls} 2 (lists, new channels …); 0 = no limit` },
  "api-tier3-per-minute": { ...tier, default: 6_000, env: "RINGWAY_API_TIER3_PER_MINUTE", help: `${calls} 3 (most of them); 0 = no limit` },
  "api-tier4-per-minute": { ...tier, default: 12_000, env: "RINGWAY_API_TIER4_PER_MINUTE", help: `${calls} 4 (users.info …); 0 = no limit` },
  "team-id": { type: "string", default: "T0RINGWAY", help: "the workspace's ID", matches: /^T[A-Z0-9]{1,20}$/ },
  "team-name": { type: "string", default: "Ringway", help: "the workspace's name", matches: /^[^\p{Cc}]{1,80}$/u },
  "team-domain": { type: "string", default: "ringway", help: "the workspace's domain", matches: /^[a-z0-9-]{1,63}$/ },
} as const satisfies Flags;

export type Config = Parsed<typeof flags>;

/** @throws UsageError */
export function readConfig(argv: readonly string[]): Config {
  const config = parseFlags(flags, argv);
  if (config.passEveryMs * 2 > config.ttlMs) throw new UsageError(`--pass-every-ms must be at most half of --ttl-ms (${config.ttlMs})`);
  for (const [name, url] of [["registry-url", config.registryUrl], ["mesh-url", config.meshUrl]] as const) {
    if (!/^https?:\/\/[^\s/]+$/.test(url)) throw new UsageError(`--${name}: '${url}' is not http://host:port or https://host:port`);
  }
  return config;
}
