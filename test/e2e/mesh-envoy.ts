/** A second mesh Envoy for a plane that runs: the shipped `mesh.yaml`, whose answers say who gave them. */
import { Envoy } from "../filter/envoy.ts";
import { at, document, named, set } from "../filter/yaml.ts";
import type { TestPlane } from "./plane.ts";

/** The response headers that it adds: `ip:port` of the server that answered, and the epoch by which the filter chose it. */
export const seen = { server: "x-seen-server", epoch: "x-seen-epoch" } as const;

/** @param feedPort where it gets its topology; default: from the plane's registry; its endpoints from charm in any case */
export async function startMeshEnvoy(plane: TestPlane, feedPort = plane.registry === plane.charm ? undefined : portOf(plane.registry)): Promise<Envoy> {
  const bootstrap = await document("envoy/mesh.yaml");
  set(bootstrap, ["admin", "address", "socket_address"], "port_value", 0);
  const listener = named(at(bootstrap, "static_resources", "listeners"), "mesh");
  set(listener, ["address", "socket_address"], "port_value", 0);
  const manager = at(listener, "filter_chains", 0, "filters", 0, "typed_config");
  set(manager, ["route_config", "virtual_hosts", 0], "response_headers_to_add", [
    { header: { key: seen.server, value: "%UPSTREAM_REMOTE_ADDRESS%" } },
    { header: { key: seen.epoch, value: "%REQ(X-RINGWAY-EPOCH)%" } },
  ]);
  const clusters = at(bootstrap, "static_resources", "clusters");
  const address = ["load_assignment", "endpoints", 0, "lb_endpoints", 0, "endpoint", "address", "socket_address"] as const;
  for (const name of ["charm", "webapp"]) set(named(clusters, name), [...address], "port_value", portOf(plane.addressOf(name)));
  if (feedPort !== undefined) {
    const feed = JSON.parse(JSON.stringify(named(clusters, "charm"))) as ReturnType<typeof named>;
    set(feed, [], "name", "feed");
    set(feed, [...address], "port_value", feedPort);
    (clusters as (typeof feed)[]).push(feed);
    const plugin = ["http_filters", 0, "typed_config", "config", "configuration"];
    const told = JSON.parse(String(at(manager, ...plugin, "value"))) as { topology: object };
    set(manager, plugin, "value", JSON.stringify({ ...told, topology: { ...told.topology, cluster: "feed" } }));
  }
  return Envoy.run(JSON.stringify(bootstrap));
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}
