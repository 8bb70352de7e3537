/** Envoy's configuration for each thing that is compared. Listener, routes, retries and limits are the same in all. */
import { DEV_KEY } from "../../../services/ring/key.ts";

/** How the cluster picks a host. */
export type Policy = "round_robin" | "ring_hash" | "maglev" | "override_host";

export interface Variant {
  readonly name: string;
  readonly policy: Policy;
  /** The module of the Wasm filter; none where undefined. `filter.wasm` is Ringway's and gets a topology. */
  readonly wasmFile?: string;
  readonly isRingway?: boolean;
  /** The client names the host itself, as the filter would. */
  readonly clientChooses?: boolean;
}

export interface Ports {
  readonly charm: number;
  readonly servers: readonly number[];
}

const v3 = "type.googleapis.com/envoy";

/**
 * A bootstrap with one listener on a free port, as JSON.
 * @param more of its top-level fields
 */
export function bootstrap(variant: Variant, ports: Ports, more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    ...more,
    node: { id: "bench", cluster: "bench", locality: { zone: "a" } },
    admin: { address: address(0) },
    static_resources: {
      listeners: [listener(variant)],
      clusters: [cluster("channel", variant.policy, ports.servers), cluster("gateway", variant.policy, ports.servers), cluster("charm", "round_robin", [ports.charm])],
    },
  });
}

function listener(variant: Variant): unknown {
  const retry_policy = {
    retry_on: "connect-failure,refused-stream,reset,retriable-status-codes",
    retriable_status_codes: [421],
    num_retries: 3,
    per_try_timeout: "2s",
    retry_back_off: { base_interval: "0.010s", max_interval: "0.025s" },
  };
  const hash_policy = variant.policy === "ring_hash" || variant.policy === "maglev" ? [{ header: { header_name: ":path" } }] : [];
  const manager = {
    "@type": `${v3}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: "bench",
    stream_idle_timeout: "0s",
    upgrade_configs: [{ upgrade_type: "websocket" }],
    http_filters: [...wasm(variant), { name: "router", typed_config: { "@type": `${v3}.extensions.filters.http.router.v3.Router`, suppress_envoy_headers: true } }],
    route_config: {
      virtual_hosts: [
        {
          name: "bench",
          domains: ["*"],
          routes: [
            { match: { prefix: "/ws/" }, route: { cluster: "gateway", timeout: "0s", hash_policy } },
            { match: { prefix: "/v1/channels/" }, route: { cluster: "channel", timeout: "15s", hash_policy, retry_policy } },
          ],
        },
      ],
    },
  };
  return { name: "bench", address: address(0), filter_chains: [{ filters: [{ name: "http", typed_config: manager }] }] };
}

function wasm(variant: Variant): unknown[] {
  if (variant.wasmFile === undefined) return [];
  const plugin = { hashKey: DEV_KEY, routes: ["gateway", "channel"], topology: { cluster: "charm" } };
  const config = {
    name: "bench",
    vm_config: { vm_id: "bench", runtime: "envoy.wasm.runtime.v8", code: { local: { filename: variant.wasmFile } } },
    ...(variant.isRingway ? { configuration: { "@type": "type.googleapis.com/google.protobuf.StringValue", value: JSON.stringify(plugin) } } : {}),
  };
  return [{ name: "wasm", typed_config: { "@type": `${v3}.extensions.filters.http.wasm.v3.Wasm`, config } }];
}

function cluster(name: string, policy: Policy, servers: readonly number[]): unknown {
  return {
    name,
    type: "STATIC",
    connect_timeout: "2s",
    load_balancing_policy: { policies: [{ typed_extension_config: policyConfig(policy) }] },
    circuit_breakers: { thresholds: [{ max_connections: 1e6, max_pending_requests: 1e5, max_requests: 1e6, max_retries: 1e4 }] },
    load_assignment: {
      cluster_name: name,
      endpoints: [{ locality: { zone: "a" }, lb_endpoints: servers.map((port) => ({ endpoint: { address: address(port) } })) }],
    },
  };
}

function policyConfig(policy: Policy): unknown {
  const type = (of: string) => ({ "@type": `${v3}.extensions.load_balancing_policies.${policy}.v3.${of}` });
  const config = {
    round_robin: () => type("RoundRobin"),
    ring_hash: () => type("RingHash"),
    maglev: () => type("Maglev"),
    override_host: () => ({
      ...type("OverrideHost"),
      override_host_sources: [{ header: "x-ringway-upstream" }],
      fallback_policy: { policies: [{ typed_extension_config: policyConfig("round_robin") }] },
    }),
  }[policy]();
  return { name: `envoy.load_balancing_policies.${policy}`, typed_config: config };
}

function address(port: number): unknown {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}
