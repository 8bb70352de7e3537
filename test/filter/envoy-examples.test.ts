/**
 * The examples for Istio and Envoy Gateway: their resources are well-formed, and what the two make of them for Envoy (written here as their sources do
 * it) is valid, routes to the owner and walks the list.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Envoy, validate } from "./envoy.ts";
import { faults } from "./kinds.ts";
import { Stage } from "./stage.ts";
import { ask } from "./upstream.ts";
import { at, document, documents, named, type Mapping, type Yaml } from "./yaml.ts";

const stage = new Stage();
beforeAll(() => stage.start());
afterAll(() => stage.stop());

const WASM = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
/** Both ask Envoy not to try a server twice, five times over. */
const PREVIOUS_HOSTS = {
  retry_host_predicate: [
    { name: "envoy.retry_host_predicates.previous_hosts", typed_config: { "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate" } },
  ],
  host_selection_retry_max_attempts: 5,
};

function resource(all: Mapping[], kind: string, name?: string): Mapping {
  const found = all.filter((item) => item["kind"] === kind && (name === undefined || at(item, "metadata", "name") === name));
  expect(found.map((item) => at(item, "metadata", "name"))).toHaveLength(1);
  return found[0]!;
}

/** As a protobuf merge: mappings are merged, lists are joined, the rest is replaced. */
function merge(into: Yaml | undefined, patch: Yaml): Yaml {
  if (Array.isArray(into) && Array.isArray(patch)) return [...into, ...patch];
  if (typeof into !== "object" || into === null || typeof patch !== "object" || patch === null || Array.isArray(into) || Array.isArray(patch)) return patch;
  return Object.entries(patch).reduce<Mapping>((merged, [key, value]) => ({ ...merged, [key]: merge(merged[key], value) }), into);
}

function cluster(name: string, addresses: string[], rest: Mapping): Mapping {
  const lb_endpoints = addresses.map((address) => {
    const [host, port] = address.split(":");
    return { endpoint: { address: { socket_address: { address: host!, port_value: Number(port) } } } };
  });
  return { name, type: "STATIC", connect_timeout: "1s", load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints }] }, ...rest };
}

/** The StringValue in which both hand a plugin its configuration. */
const told = (config: Yaml): Mapping => ({ "@type": "type.googleapis.com/google.protobuf.StringValue", value: JSON.stringify(config) });

function bootstrap(routes: Mapping[], filter: Mapping, clusters: Mapping[]): Mapping {
  const address = { socket_address: { address: "127.0.0.1", port_value: 0 } };
  const typed_config = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: "edge",
    use_remote_address: true,
    upgrade_configs: [{ upgrade_type: "websocket" }],
    route_config: { name: "edge", virtual_hosts: [{ name: "edge", domains: ["*"], routes }] },
    http_filters: [filter, { name: "envoy.filters.http.router", typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" } }],
  };
  return {
    node: { id: "example", cluster: "example", locality: { zone: "local" } },
    admin: { address },
    static_resources: {
      listeners: [{ name: "edge", address, filter_chains: [{ filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config }] }] }],
      clusters,
    },
  };
}

async function expectValid(config: Mapping): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "ringway-example-"));
  await writeFile(join(folder, "envoy.json"), JSON.stringify(config));
  expect(await validate(join(folder, "envoy.json"))).toMatchObject({ code: 0, output: expect.stringContaining("OK") });
  await rm(folder, { recursive: true });
}

/** Owners are asked; where one says 421 or is down, the next on the list; forged headers do nothing; the inside stays inside. */
async function expectRouting(envoy: Envoy): Promise<void> {
  const [first, second] = stage.preference("gateway", "U1");
  await stage.answers(first!, envoy.edge, "/ws/U1.secret");
  await stage.answers(stage.preference("gateway", "U2")[0]!, envoy.edge, "/ws/U2.secret");
  first!.behaviour = "misdirected";
  for (let i = 0; i < 8; i++) expect((await ask(envoy.edge, "/ws/U1.secret")).body).toBe(second!.id);
  first!.behaviour = "ok";
  await first!.kill();
  for (let i = 0; i < 8; i++) expect((await ask(envoy.edge, "/ws/U1.secret")).body).toBe(second!.id);
  await first!.start();
  const forged = { "x-ringway-upstream": second!.addr };
  expect((await ask(envoy.edge, "/ws/U1.secret", { headers: forged })).body).toBe(first!.id);
  expect((await ask(envoy.edge, "/api/api.test", { headers: forged })).body).toBe("webapp");
  expect(stage.webapp.requests.at(-1)!.headers["x-ringway-upstream"]).toBeUndefined();
  for (const path of ["/v1/channels/C1", "/V1/sessions"]) expect((await ask(envoy.edge, path)).status).toBe(404);
  expect((await ask(envoy.edge, "/ws/U1.secret")).headers).not.toHaveProperty("x-ringway-owner");
  expect(await envoy.stat("wasmcustom.ringway_routed_gateway")).toBeGreaterThan(32);
  expect(envoy.log).not.toMatch(/critical|error/i);
}

const gateways = (): string[] => stage.upstreams.gateway.map(({ addr }) => addr);

describe("the example for Istio", async () => {
  const all = await documents("envoy/examples/istio/ringway.yaml");
  const shipped = await document("envoy/envoy.yaml");
  const patches = at(resource(all, "EnvoyFilter"), "spec", "configPatches") as Mapping[];
  const value = (applyTo: string, operation: string): Yaml =>
    at(patches.find((patch) => patch["applyTo"] === applyTo && at(patch, "patch", "operation") === operation)!, "patch", "value");
  const charm = String(at(resource(all, "WasmPlugin"), "spec", "pluginConfig", "topology", "cluster"));

  test("is of known kinds, with known fields", () => {
    expect(all.flatMap(faults)).toEqual([]);
    expect(all.map(({ kind }) => kind)).toEqual(["WasmPlugin", "EnvoyFilter", "VirtualService", "DestinationRule"]);
  });

  test("patches what it routes: the route and the service have the same names everywhere", () => {
    const routes = at(resource(all, "VirtualService"), "spec", "http") as Mapping[];
    const ws = routes.find(({ name }) => name === at(patches[1]!, "match", "routeConfiguration", "vhost", "route", "name"))!;
    const host = at(ws, "route", 0, "destination", "host");
    expect(at(patches[0]!, "match", "cluster", "service")).toBe(host);
    expect(at(resource(all, "DestinationRule"), "spec", "host")).toBe(host);
    expect(routes.map(({ name }) => name)).toEqual(["ringway-ws", "ringway-internal", "ringway-webapp"]);
    expect(value("CLUSTER", "MERGE")).toEqual({ load_balancing_policy: named(at(shipped, "static_resources", "clusters"), "gateway")["load_balancing_policy"] });
  });

  test("makes an Envoy configuration that is valid and routes, by a topology from the cluster that Istio makes for charm", async () => {
    const plugin = at(resource(all, "WasmPlugin"), "spec") as Mapping;
    const [ws, internal, webapp] = at(resource(all, "VirtualService"), "spec", "http") as [Mapping, Mapping, Mapping];
    const pool = "outbound|7200||gateway.ringway.svc.cluster.local";
    const retryOn = String(at(ws, "retries", "retryOn")).split(",");
    const isCode = (word: string): boolean => /^\d+$/.test(word);
    const removed = { response_headers_to_remove: at(ws, "headers", "response", "remove") };
    const retry_policy = {
      retry_on: retryOn.filter((word) => !isCode(word)).join(),
      retriable_status_codes: retryOn.filter(isCode).map(Number),
      num_retries: at(ws, "retries", "attempts"),
      ...PREVIOUS_HOSTS,
    };
    const routes = [
      merge({ name: ws["name"]!, match: { prefix: at(ws, "match", 0, "uri", "prefix") }, route: { cluster: pool, timeout: ws["timeout"]!, retry_policy }, ...removed }, value("HTTP_ROUTE", "MERGE")) as Mapping,
      {
        match: { prefix: at(internal, "match", 0, "uri", "prefix"), case_sensitive: !(at(internal, "match", 0, "ignoreUriCase") as boolean) },
        direct_response: { status: at(internal, "directResponse", "status") },
      },
      { match: { prefix: "/" }, route: { cluster: "webapp", timeout: webapp["timeout"]! } },
    ];
    const config = {
      name: "istio-ingress.ringway",
      configuration: told(plugin["pluginConfig"]!),
      failure_policy: plugin["failStrategy"]!,
      vm_config: { runtime: "envoy.wasm.runtime.v8", code: { local: { filename: "build/filter.wasm" } }, environment_variables: { key_values: { ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION: "1" } } },
    };
    const clusters = [
      merge(cluster(pool, gateways(), { lb_policy: "LEAST_REQUEST", common_lb_config: {} }), value("CLUSTER", "MERGE")) as Mapping,
      cluster("webapp", [stage.webapp.addr], {}),
      cluster(charm, [`127.0.0.1:${stage.charm.port}`], {}),
    ];
    const made = bootstrap(routes, { name: "istio-ingress.ringway", typed_config: { "@type": WASM, config } }, clusters);
    await expectValid(made);
    stage.charm.hosts.clear();
    const envoy = await Envoy.run(JSON.stringify(made));
    await expectRouting(envoy);
    await envoy.stop();
    expect(charm).toBe("outbound|8083||charm.ringway.svc.cluster.local");
    expect([...stage.charm.hosts]).toEqual(["charm.ringway.svc.cluster.local"]); // Consul refuses a host with bars
  });
});

describe("the example for Envoy Gateway", async () => {
  const all = await documents("envoy/examples/envoy-gateway/ringway.yaml");
  const charm = at(resource(all, "EnvoyPatchPolicy"), "spec", "jsonPatches", 0, "operation", "value") as Mapping;
  const plugin = at(resource(all, "EnvoyExtensionPolicy"), "spec", "wasm", 0) as Mapping;

  test("is of known kinds, with known fields", () => {
    expect(all.flatMap(faults)).toEqual([]);
    expect(new Set(all.map(({ kind }) => kind)).size).toBe(7);
  });

  test("has policies whose targets exist, and a topology whose cluster the patch adds", () => {
    const names = all.map((item) => `${String(item["kind"])}/${String(at(item, "metadata", "name"))}`);
    const targets = all.flatMap((item) => {
      const spec = item["spec"] as Mapping;
      return [...((spec["targetRefs"] ?? []) as Mapping[]), ...(spec["targetRef"] === undefined ? [] : [spec["targetRef"] as Mapping])];
    });
    expect(targets).toHaveLength(4);
    for (const { kind, name } of targets) expect(names).toContain(`${String(kind)}/${String(name)}`);
    expect(names).toContain(`HTTPRouteFilter/${String(at(resource(all, "HTTPRoute", "ringway-webapp"), "spec", "rules", 0, "filters", 0, "extensionRef", "name"))}`);
    expect(at(plugin, "config", "topology", "cluster")).toBe(charm["name"]);
    expect(at(resource(all, "EnvoyPatchPolicy"), "spec", "jsonPatches", 0, "name")).toBe(charm["name"]);
  });

  test("makes an Envoy configuration that is valid and routes", async () => {
    const traffic = at(resource(all, "BackendTrafficPolicy"), "spec") as Mapping;
    const rule = at(resource(all, "HTTPRoute", "ringway-ws"), "spec", "rules", 0) as Mapping;
    const pool = "httproute/ringway/ringway-ws/rule/0";
    const seconds = (duration: Yaml): string => `${Number.parseInt(String(duration)) / 1000}s`;
    const header = at(traffic, "loadBalancer", "endpointOverride", "extractFrom", 0, "header");
    const roundRobin = { "@type": "type.googleapis.com/envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin" };
    const load_balancing_policy = {
      policies: [
        {
          typed_extension_config: {
            name: "envoy.load_balancing_policies.override_host",
            typed_config: {
              "@type": "type.googleapis.com/envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost",
              override_host_sources: [{ header }],
              fallback_policy: { policies: [{ typed_extension_config: { name: "envoy.load_balancing_policies.round_robin", typed_config: roundRobin } }] },
            },
          },
        },
      ],
    };
    const filter = "envoy.filters.http.wasm/envoyextensionpolicy/ringway/ringway/wasm/0";
    const enabled = { [filter]: { "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", config: {} } };
    const backOff = at(traffic, "retry", "perRetry", "backOff");
    const [internal, webapp] = at(resource(all, "HTTPRoute", "ringway-webapp"), "spec", "rules") as [Mapping, Mapping];
    const answer = at(resource(all, "HTTPRouteFilter"), "spec", "directResponse");
    const routes: Mapping[] = [
      {
        match: { safe_regex: { regex: at(internal, "matches", 0, "path", "value") } }, // Envoy Gateway puts expressions before prefixes
        direct_response: { status: at(answer, "statusCode"), body: { inline_string: at(answer, "body", "inline") } },
        typed_per_filter_config: enabled,
      },
      {
        match: { path_separated_prefix: at(rule, "matches", 0, "path", "value") },
        route: {
          cluster: pool,
          timeout: at(rule, "timeouts", "request"),
          retry_policy: {
            retry_on: (at(traffic, "retry", "retryOn", "triggers") as string[]).join(),
            retriable_status_codes: at(traffic, "retry", "retryOn", "httpStatusCodes"),
            num_retries: at(traffic, "retry", "numRetries"),
            retry_back_off: { base_interval: seconds(at(backOff, "baseInterval")), max_interval: seconds(at(backOff, "maxInterval")) },
            ...PREVIOUS_HOSTS,
          },
        },
        response_headers_to_remove: at(rule, "filters", 0, "responseHeaderModifier", "remove"),
        typed_per_filter_config: enabled,
      },
      { match: { prefix: at(webapp, "matches", 0, "path", "value") }, route: { cluster: "webapp", timeout: at(webapp, "timeouts", "request") }, typed_per_filter_config: enabled },
    ];
    const config = {
      name: plugin["name"]!,
      root_id: plugin["rootID"]!,
      configuration: told(plugin["config"]!),
      fail_open: plugin["failOpen"]!,
      vm_config: { vm_id: filter, runtime: "envoy.wasm.runtime.v8", code: { local: { filename: "build/filter.wasm" } } },
    };
    const make = (charm: Mapping): Mapping =>
      bootstrap(routes, { name: filter, disabled: true, typed_config: { "@type": WASM, config } }, [cluster(pool, gateways(), { load_balancing_policy }), cluster("webapp", [stage.webapp.addr], {}), charm]);
    await expectValid(make(charm));
    const here = cluster("charm", [`127.0.0.1:${stage.charm.port}`], {});
    const envoy = await Envoy.run(JSON.stringify(make(here)));
    await expectRouting(envoy);
    await envoy.stop();
  });
});
