/** Another system behind an Envoy: the edge listener that Ringway ships, without its filter, and one static endpoint. */
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { BenchEnvoy } from "../../filter/envoy.ts";
import { fileHere } from "../server-process.ts";
import type { System } from "../system.ts";

interface Named {
  readonly name: string;
}
interface HttpManager {
  http_filters: Named[];
  route_config: { virtual_hosts: { routes: (Named & { match: object })[] }[] };
}
interface Shipped {
  readonly overload_manager: unknown;
  readonly static_resources: {
    readonly listeners: readonly (Named & { address: unknown; filter_chains: { filters: { typed_config: HttpManager }[] }[] })[];
    readonly clusters: readonly (Named & Record<string, unknown>)[];
  };
}

const address = (port: number): object => ({ socket_address: { address: "127.0.0.1", port_value: port } });

/** The shipped configuration, as far as a WebSocket goes through it. */
async function bootstrap(port: number): Promise<string> {
  const { overload_manager, static_resources } = parse(await readFile(fileHere("../../../envoy/envoy.yaml"), "utf8")) as Shipped;
  const listener = static_resources.listeners.find(({ name }) => name === "edge")!;
  const manager = listener.filter_chains[0]!.filters[0]!.typed_config;
  manager.http_filters = manager.http_filters.filter(({ name }) => name !== "ringway");
  const host = manager.route_config.virtual_hosts[0]!;
  host.routes = host.routes.filter(({ name }) => name === "ws").map((route) => ({ ...route, match: { prefix: "/" } }));
  listener.address = address(0);
  const { eds_cluster_config, load_balancing_policy, ...shared } = static_resources.clusters.find(({ name }) => name === "gateway")!;
  const load_assignment = { cluster_name: "gateway", endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }] };
  return JSON.stringify({ overload_manager, admin: { address: address(0) }, static_resources: { listeners: [listener], clusters: [{ ...shared, type: "STATIC", load_assignment }] } });
}

/** @param system one that takes WebSockets */
export const behindEnvoy = (system: System): System => ({
  ...system,
  name: `${system.name}+envoy`,
  usesEnvoy: true,
  async start(prepared) {
    const started = await system.start(prepared);
    try {
      const envoy = await BenchEnvoy.start(await bootstrap(started.target.port));
      return {
        ...started,
        parts: [...started.parts, { name: "envoy", pid: envoy.pid, collects: false }],
        target: { host: "127.0.0.1", port: envoy.port },
        async stop() {
          await envoy.stop();
          await started.stop();
        },
      };
    } catch (error) {
      await started.stop();
      throw error;
    }
  },
});
