/**
 * Envoy's endpoint discovery in its REST form (`POST /v3/discovery:endpoints`, JSON, polled). 304 tells Envoy that what it
 * has accepted still holds; versions are made of the content, so that a restart of charm changes none. Who has the latest
 * is kept waiting for the next, within the time that it gives a poll: so it learns of a change at once, and asks less often.
 */
import { createHash } from "node:crypto";
import { ProtocolError } from "../protocol/problems.ts";
import type { Reply, Request } from "../runtime/http.ts";

const TYPE = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
/** Clusters that one question may name. */
const NAMES_MAX = 256;

/** How long an Envoy that has the latest waits, of the time that it gives the poll: the rest is for the way, and for the 77 kB that it says of itself each time. */
const HOLD_SHARE = 0.7;
/** Where it says nothing: the default of its `request_timeout`. */
const TIMEOUT_MS = 1_000;
const HOLD_MS_MOST = 30_000;

/** How long to keep a poll waiting, ms; Envoy says in a header how long it waits itself. */
export function holdMs(headers: Request["headers"]): number {
  const timeoutMs = Number(headers["x-envoy-expected-rq-timeout-ms"] ?? TIMEOUT_MS);
  return Math.min(HOLD_MS_MOST, HOLD_SHARE * (timeoutMs > 0 ? timeoutMs : TIMEOUT_MS));
}

/**
 * @param addressesOf the addresses of a cluster; a cluster that is unknown has none
 * @param change resolves when some cluster's addresses change, or after `holdMs`
 */
export async function answerEndpoints(request: Request, addressesOf: (cluster: string) => readonly string[], change: (signal: AbortSignal) => Promise<void>): Promise<Reply> {
  const { names, version: accepted } = readQuestion(await request.json());
  const look = (): { clusters: readonly (readonly [string, readonly string[]])[]; version: string } => {
    const clusters = names.map((name) => [name, addressesOf(name)] as const);
    return { clusters, version: createHash("sha256").update(JSON.stringify(clusters)).digest("hex").slice(0, 16) };
  };
  let now = look();
  if (now.version === accepted) {
    await change(request.signal);
    now = look();
  }
  const { clusters, version } = now;
  if (version === accepted) return { status: 304 };
  return { status: 200, body: { version_info: version, type_url: TYPE, resources: clusters.map(([name, addresses]) => assignment(name, addresses)) } };
}

function readQuestion(body: unknown): { readonly names: readonly string[]; readonly version: string } {
  if (typeof body !== "object" || body === null || Array.isArray(body)) throw new ProtocolError("bad_request", "the body must be a DiscoveryRequest");
  // protobuf's JSON allows both spellings
  const { resource_names: names = [], resourceNames = names, version_info: version = "", versionInfo = version, type_url: type = TYPE, typeUrl = type } = body as Record<string, unknown>;
  if (typeUrl !== TYPE) throw new ProtocolError("bad_request", "type_url must be that of ClusterLoadAssignment");
  if (!Array.isArray(resourceNames) || resourceNames.length > NAMES_MAX || !resourceNames.every((name) => typeof name === "string")) {
    throw new ProtocolError("bad_request", `resource_names must be at most ${NAMES_MAX} names of clusters`);
  }
  return { names: resourceNames as string[], version: typeof versionInfo === "string" ? versionInfo : "" };
}

function assignment(cluster: string, addresses: readonly string[]): unknown {
  const endpoints = addresses.map((addr) => {
    const colon = addr.lastIndexOf(":");
    const address = addr.slice(0, colon).replace(/^\[|\]$/g, "");
    return { endpoint: { address: { socket_address: { address, port_value: Number(addr.slice(colon + 1)) } } } };
  });
  return { "@type": TYPE, cluster_name: cluster, endpoints: endpoints.length === 0 ? [] : [{ lb_endpoints: endpoints }] };
}
