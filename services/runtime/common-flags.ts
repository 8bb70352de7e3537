import type { Flags } from "./flags.ts";

/** `host:port`, port 0..65535 */
export const hostPort = /^[A-Za-z0-9.\-[\]:]+:(?:\d{1,4}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])$/;

/** One address of charm, or several with commas. */
export const charmUrls = /^https?:\/\/[^\s/,]+(,https?:\/\/[^\s/,]+)*$/;

/** What a registry with access control wants to see. The variables are Consul's own. */
export const registryTokenFlag = {
  type: "string",
  default: "",
  env: "CONSUL_HTTP_TOKEN",
  secret: true,
  rotates: true,
  matches: /^[\x21-\x7e]{0,256}$/,
  help: "token for a Consul with access control",
} as const;

/** Who the process is to the others, where they speak TLS among themselves. */
export const tlsFlags = {
  "tls-cert-file": { type: "string", default: "", env: "RINGWAY_TLS_CERT_FILE", help: "this process's certificate in PEM, intermediate ones behind it; with it the plane's processes speak TLS" },
  "tls-key-file": { type: "string", default: "", env: "RINGWAY_TLS_KEY_FILE", help: "the certificate's key in PEM" },
  "tls-ca-file": { type: "string", default: "", env: "RINGWAY_TLS_CA_FILE", help: "the CA that signed the certificates of all of the plane, in PEM; two while one is replaced by the other" },
} as const satisfies Flags;

/** Flags that every server behind the ring takes. */
export const serverFlags = {
  id: { type: "string", help: "this server's ID in the ring, 1..64 of [A-Za-z0-9_-]", matches: /^[A-Za-z0-9_-]{1,64}$/ },
  listen: { type: "string", help: "address to listen on and to register, ip:port", matches: hostPort },
  zone: { type: "string", default: "local", help: "zone of this server", matches: /^[A-Za-z0-9_-]{1,64}$/ },
  weight: { type: "number", default: 100, min: 0, max: 65535, help: "share of the ring; 0 owns nothing" },
  "registry-url": { type: "string", default: "http://127.0.0.1:8083", env: "RINGWAY_CONSUL_URL", help: "Consul HTTP API (charm's own, or a real Consul)" },
  "registry-token": registryTokenFlag,
  "mesh-url": { type: "string", default: "http://127.0.0.1:8081", env: "RINGWAY_MESH_URL", help: "Envoy's mesh listener" },
  "ring-key": { type: "string", env: "RINGWAY_RING_KEY", secret: true, help: "cluster hash key, 32 hex digits", matches: /^[0-9a-fA-F]{32}$/ },
  "ttl-ms": { type: "number", default: 2000, min: 500, max: 60_000, help: "the check turns critical when it was not passed for this long" },
  "pass-every-ms": { type: "number", default: 500, min: 100, max: 20_000, help: "how often the check is passed; at most half of --ttl-ms" },
  ...tlsFlags,
  "log-level": { type: "string", default: "info", oneOf: ["trace", "debug", "info", "warn", "error", "silent"], help: "least level that is logged" },
} as const satisfies Flags;

/** The same for people's commands, which may be about a development plane. */
export const ringKeyOrDevFlag = { ...serverFlags["ring-key"], default: "", help: "cluster hash key, 32 hex digits; empty = the development key", matches: /^([0-9a-fA-F]{32})?$/ } as const;

/** Where things are kept. A URL may hold a password, and a command line is seen by all of a machine: the environment is the better place. */
export const storeFlag = {
  type: "string",
  default: "lmdb",
  env: "RINGWAY_STORE",
  secret: true,
  matches: /^(?:lmdb|memory|postgres(?:ql)?:\/\/\S*)$/,
  help: "lmdb, memory (forgets all at the process's end) or postgres://user:password@host:port/database (of several host:port, with commas, the one that takes writes)",
} as const;

/** What an operator shows at the console. A command line is seen by all of a machine: the environment is the better place. */
export const operatorTokenFlag = {
  type: "string",
  default: "",
  env: "RINGWAY_OPERATOR_TOKEN",
  secret: true,
  rotates: true,
  matches: /^([\x21-\x7e]{16,256})?$/,
  help: "the operator's token for the console, 16..256 visible characters",
} as const;

/** Rate limits that more than one kind of server keeps, each process for itself. */
export const rateFlags = {
  "user-messages-per-second": { type: "number", default: 200, min: 0, max: 1_000_000, env: "RINGWAY_USER_MESSAGES_PER_SECOND", help: "messages of one user that this process takes; 0 = no limit" },
  "burst-seconds": { type: "number", default: 10, min: 1, max: 3_600, env: "RINGWAY_BURST_SECONDS", help: "who was quiet may use up so many seconds of a per-second rate at once" },
} as const satisfies Flags;

/** Flags of a server that keeps things in the store. */
export const storeFlags = {
  store: storeFlag,
  data: { type: "string", default: ".ringway/store", help: "folder of lmdb" },
  "store-connections": { type: "number", default: 8, min: 3, max: 200, help: "connections to PostgreSQL at most" },
  "store-stuck-kill-ms": { type: "number", default: 1500, min: 0, max: 4_000, help: "lmdb: a process that is stopped while it holds the write lock is ended when a write has waited so long; 0 = never" },
} as const satisfies Flags;
