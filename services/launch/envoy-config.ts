/**
 * The plane's Envoy configuration: the shipped `envoy/envoy.yaml` with addresses, the wasm's path and the hash key put
 * in. Things are found by name (listener `edge`, cluster `charm`, …), so that the file stays the one that is tested.
 */
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { parse } from "yaml";
import { readExample, type Part, type SecretPlaces } from "./envoy-secrets.ts";

export interface Address {
  /** an IP address, or a name that Envoy looks up again and again */
  readonly host: string;
  readonly port: number;
}

type Upstreams = Readonly<Record<"charm" | "webapp", readonly Address[]>>;

export interface EnvoySettings {
  /** address that the listeners bind */
  readonly host: string;
  readonly ports: { readonly edge: number; readonly mesh: number; readonly admin: number };
  /** where charm and webapp are; of several any one will do */
  readonly upstreams: Upstreams;
  /** absolute path of build/filter.wasm */
  readonly wasmFile: string;
  /** 32 hex digits */
  readonly ringKey: string;
  readonly zone: string;
  /** where the registry is, if not in charm */
  readonly registry?: Address;
  /** where its certificates and the registry's token are, if it has any */
  readonly secrets?: SecretPlaces;
}

type Node = { [key: string]: Node } & { [index: number]: Node };

/** @returns the configuration as JSON text, which Envoy reads as well as YAML. Throws where the file lacks what is to be set. */
export async function envoyConfig(file: string, settings: EnvoySettings): Promise<string> {
  const config = parse(await readFile(file, "utf8")) as Record<string, unknown>;
  const { host, ports, upstreams, registry } = settings;
  setAddress(at(config, "admin", "address"), host, ports.admin);
  setAddress(at(named(config, "listeners", "edge"), "address"), host, ports.edge);
  setAddress(at(named(config, "listeners", "mesh"), "address"), host, ports.mesh);
  for (const name of ["charm", "webapp"] as const) {
    setEndpoints(named(config, "clusters", name), upstreams[name]);
  }
  if (registry !== undefined) addRegistry(config, registry);
  if (settings.secrets?.tls !== undefined) secure(config, await readExample("tls.yaml", settings.secrets));
  if (registry !== undefined && settings.secrets?.registryToken !== undefined) {
    const options = at(named(config, "clusters", "registry"), "typed_extension_protocol_options", "envoy.extensions.upstreams.http.v3.HttpProtocolOptions");
    Object.assign(options, await readExample("consul-token.yaml", settings.secrets));
  }
  const locality = at(config, "node", "locality") as unknown as Record<string, unknown>;
  locality["zone"] = settings.zone;
  let filters = 0;
  visit(config, (node) => {
    if (typeof node["filename"] === "string" && node["filename"].endsWith("filter.wasm")) {
      node["filename"] = settings.wasmFile;
      filters++;
    }
    if (typeof node["value"] === "string" && node["value"].includes('"hashKey"')) {
      const filter = JSON.parse(node["value"]) as Record<string, unknown>;
      setFilter(filter, settings);
      node["value"] = JSON.stringify(filter);
    }
    if (typeof node["hashKey"] === "string") setFilter(node, settings);
  });
  if (filters === 0) throw new Error(`${file} loads no filter.wasm`);
  return JSON.stringify(config, null, 1);
}

/** One charm and one webapp, by their ports. */
export function oneOfEach({ charm, webapp }: { readonly charm: number; readonly webapp: number }, hostOf: (name: "charm" | "webapp") => string): Upstreams {
  return { charm: [{ host: hostOf("charm"), port: charm }], webapp: [{ host: hostOf("webapp"), port: webapp }] };
}

function setFilter(filter: Record<string, unknown>, { ringKey, registry }: EnvoySettings): void {
  filter["hashKey"] = ringKey;
  if (registry !== undefined) at(filter, "topology")["cluster"] = "registry" as unknown as Node;
}

/** A cluster like charm's, from which the filter reads the topology then. */
function addRegistry(config: Record<string, unknown>, address: Address): void {
  const cluster = structuredClone(named(config, "clusters", "charm")) as unknown as Record<string, unknown>;
  cluster["name"] = "registry";
  (at(cluster, "load_assignment") as unknown as Record<string, unknown>)["cluster_name"] = "registry";
  setEndpoints(cluster as unknown as Node, [address]);
  (at(config, "static_resources", "clusters") as unknown as unknown[]).push(cluster);
}

/** TLS on both listeners and to all of the plane; a registry of its own is spoken to as it was. */
function secure(config: Record<string, unknown>, { listeners, clusters }: Part): void {
  for (const [name, part] of Object.entries(listeners as Part)) Object.assign(at(named(config, "listeners", name), "filter_chains", 0), part);
  for (const [name, part] of Object.entries(clusters as Part)) Object.assign(named(config, "clusters", name), part);
}

function at(node: unknown, ...path: readonly (string | number)[]): Node {
  let here = node as Node;
  for (const step of path) {
    const next = (here as Record<string | number, Node>)[step];
    if (next === undefined || next === null) throw new Error(`envoy.yaml has no ${path.join(".")}`);
    here = next;
  }
  return here;
}

function named(config: unknown, list: "listeners" | "clusters", name: string): Node {
  const all = at(config, "static_resources", list) as unknown as { name: string }[];
  const found = all.find((item) => item.name === name);
  if (found === undefined) throw new Error(`envoy.yaml has no ${list} entry named ${name}`);
  return found as unknown as Node;
}

/** Each address is an endpoint like the shipped one. Names are asked for once a second: a container that starts again may have another address. */
function setEndpoints(cluster: Node, addresses: readonly Address[]): void {
  const group = at(cluster, "load_assignment", "endpoints", 0);
  const shipped = at(group, "lb_endpoints", 0);
  const endpoints = addresses.map(({ host, port }) => {
    const endpoint = structuredClone(shipped);
    setAddress(at(endpoint, "endpoint", "address"), host, port);
    return endpoint;
  });
  Object.assign(group, { lb_endpoints: endpoints });
  if (addresses.every(({ host }) => isIP(host) !== 0)) return;
  const typed_config = { "@type": "type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster", dns_lookup_family: "V4_PREFERRED", dns_refresh_rate: "1s" };
  Object.assign(cluster, { type: undefined, cluster_type: { name: "envoy.clusters.dns", typed_config } });
}

function setAddress(address: Node, host: string, port: number): void {
  const socket = at(address, "socket_address") as unknown as Record<string, unknown>;
  socket["address"] = host;
  socket["port_value"] = port;
}

function visit(node: unknown, see: (node: Record<string, unknown>) => void): void {
  if (typeof node !== "object" || node === null) return;
  if (!Array.isArray(node)) see(node as Record<string, unknown>);
  for (const child of Object.values(node)) visit(child, see);
}
