import type { IdentityFiles } from "../runtime/certificate.ts";
import { charmUrls, hostPort, operatorTokenFlag, serverFlags, tlsFlags } from "../runtime/common-flags.ts";
import { type Flags, parseFlags, UsageError } from "../runtime/flags.ts";
import type { Secret } from "../runtime/secret.ts";

export const flags = {
  listen: { type: "string", default: "127.0.0.1:8085", help: "address that the console listens on, ip:port", matches: hostPort },
  "charm-url": { type: "string", default: "http://127.0.0.1:8083", env: "RINGWAY_CHARM_URL", help: "charm's address; of several, with commas, the one that leads is asked", matches: charmUrls },
  "mesh-url": serverFlags["mesh-url"],
  "envoy-admin-urls": { type: "string", default: "", env: "RINGWAY_ENVOY_ADMIN_URLS", help: "admin ports of the Envoys to watch, http://host:port, comma separated", matches: /^(https?:\/\/[^\s/,]+(,https?:\/\/[^\s/,]+)*)?$/ },
  "operator-token": operatorTokenFlag,
  "ring-key": serverFlags["ring-key"],
  ...tlsFlags,
  "log-level": serverFlags["log-level"],
} as const satisfies Flags;

export interface Config extends IdentityFiles {
  readonly listen: string;
  readonly charmUrl: string;
  readonly meshUrl: string;
  readonly envoyAdminUrls: readonly string[];
  readonly operatorToken: Secret;
  readonly ringKey: string;
  readonly logLevel: string;
}

/** @throws UsageError */
export function readConfig(argv: readonly string[]): Config {
  const { _, envoyAdminUrls, ...config } = parseFlags(flags, argv);
  if (config.operatorToken.current() === "") throw new UsageError("RINGWAY_OPERATOR_TOKEN or RINGWAY_OPERATOR_TOKEN_FILE is required: the console changes the ring, and asks who wants that");
  return { ...config, envoyAdminUrls: envoyAdminUrls === "" ? [] : envoyAdminUrls.split(",") };
}
