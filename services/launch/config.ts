import { operatorTokenFlag, registryTokenFlag, ringKeyOrDevFlag, storeFlag } from "../runtime/common-flags.ts";
import { parseFlags, UsageError, type Flags } from "../runtime/flags.ts";

export const flags = {
  port: { type: "number", default: 8080, min: 1, max: 65_535, help: "edge port; the other ports follow it (+1 mesh, +2 Envoy admin, +3 charm, +4 webapp, +5 console, from +10 the servers)" },
  data: { type: "string", default: ".ringway", help: "folder for the store, logs and plane.json" },
  store: storeFlag,
  "registry-url": { type: "string", default: "", env: "RINGWAY_CONSUL_URL", help: "a real Consul for all of them, Envoy's filter too; empty = charm's own registry", matches: /^(http:\/\/[^/\s:]+:\d+)?$/ },
  "registry-token": registryTokenFlag,
  tls: { type: "string", default: "", env: "RINGWAY_TLS", help: "folder of certificates for all of them, Envoy too: a folder for each process (docs/operations.md); empty = they speak plain HTTP" },
  channels: { type: "number", default: 3, min: 1, max: 50, help: "channel servers" },
  gateways: { type: "number", default: 2, min: 1, max: 50, help: "gateways" },
  presences: { type: "number", default: 2, min: 1, max: 50, help: "presence servers" },
  host: { type: "string", default: "127.0.0.1", help: "address that everything listens on", matches: /^[0-9.]+$/ },
  chat: { type: "string", default: "on", oneOf: ["on", "off"], help: "the chat page at /" },
  "ring-key": ringKeyOrDevFlag,
  "operator-token": { ...operatorTokenFlag, help: `${operatorTokenFlag.help}; empty = a new one with each start` },
  concurrency: { type: "number", default: 2, min: 1, max: 64, help: "Envoy's worker threads" },
  "log-level": { type: "string", default: "info", oneOf: ["trace", "debug", "info", "warn", "error"], help: "least level that is logged" },
} as const satisfies Flags;

export type Config = ReturnType<typeof readConfig>;

/** @throws UsageError */
export function readConfig(argv: readonly string[]) {
  const config = parseFlags(flags, argv);
  const last = config.port + 10 + config.channels + config.presences + config.gateways - 1;
  if (last > 65_535) throw new UsageError(`--port ${config.port} leaves no room for the other ports (the last would be ${last})`);
  return config;
}
