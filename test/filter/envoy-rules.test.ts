/** A team's own service behind its own paths in a real Envoy: rules of theirs, a topology they wrote themselves, and nothing else of Ringway. */
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Server } from "../../services/protocol/topology.ts";
import { DEV_KEY } from "../../services/ring/key.ts";
import type { RingView } from "../../services/ring/ring.ts";
import { Envoy, until } from "./envoy.ts";
import { FakeCharm } from "./fake-charm.ts";
import { freePort } from "./ports.ts";
import { seal } from "./setup.ts";
import { ask, Upstream } from "./upstream.ts";

const wasm = fileURLToPath(new URL("../../build/filter.wasm", import.meta.url));
const kv = new FakeCharm();
const carts = ["cart-0", "cart-1", "cart-2", "cart-3"].map((id) => new Upstream(id));
const rules = [
  { match: { prefix: "/carts/" }, key: { header: "x-customer" }, pool: "gateway" },
  { match: { template: "/offers/{shop}/**" }, key: { cookie: "visitor" }, pool: "gateway", copies: 2, onMiss: "pass" },
];
let view: RingView;
let folder: string;
let mesh: number;
let envoy: Envoy;

const type = (name: string): string => `type.googleapis.com/envoy.${name}`;
const cluster = (name: string, ports: readonly number[], more = {}): unknown => ({
  name,
  type: "STATIC",
  connect_timeout: "0.25s",
  load_assignment: {
    cluster_name: name,
    endpoints: [{ lb_endpoints: ports.map((port_value) => ({ endpoint: { address: { socket_address: { address: "127.0.0.1", port_value } } } })) }],
  },
  ...more,
});
const roundRobin = { typed_extension_config: { name: "rr", typed_config: { "@type": type("extensions.load_balancing_policies.round_robin.v3.RoundRobin") } } };
const overrideHost = {
  "@type": type("extensions.load_balancing_policies.override_host.v3.OverrideHost"),
  override_host_sources: [{ header: "x-ringway-upstream" }],
  fallback_policy: { policies: [roundRobin] },
};

/** The listener with these rules, as a file that Envoy watches. */
async function listener(given: readonly unknown[]): Promise<void> {
  const configuration = { hashKey: DEV_KEY, rules: given, topology: { cluster: "kv" } };
  const text = (value: string): unknown => ({ "@type": "type.googleapis.com/google.protobuf.StringValue", value });
  const filter = { name: "ringway", vm_config: { vm_id: "ringway", runtime: "envoy.wasm.runtime.v8", code: { local: { filename: wasm } } }, configuration: text(JSON.stringify(configuration)) };
  const manager = {
    "@type": type("extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
    stat_prefix: "mesh",
    route_config: {
      virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "carts", retry_policy: { retry_on: "connect-failure", num_retries: 3 } } }] }],
    },
    http_filters: [
      { name: "ringway", typed_config: { "@type": type("extensions.filters.http.wasm.v3.Wasm"), config: filter } },
      { name: "router", typed_config: { "@type": type("extensions.filters.http.router.v3.Router") } },
    ],
  };
  const resource = {
    "@type": type("config.listener.v3.Listener"),
    name: "mesh",
    address: { socket_address: { address: "127.0.0.1", port_value: mesh } },
    filter_chains: [{ filters: [{ name: "http", typed_config: manager }] }],
  };
  const file = join(folder, "listeners.json");
  await writeFile(`${file}.new`, JSON.stringify({ resources: [resource] }));
  await rename(`${file}.new`, file);
}

function preference(id: string): string[] {
  return view.preference("gateway", id, 3, "").map((server) => server.id);
}

beforeAll(async () => {
  await Promise.all([kv.start(), ...carts.map((cart) => cart.start())]);
  const members = carts.map(({ id, addr }): Server => ({ id, addr, zone: "", weight: 100, state: "up" }));
  const sealed = seal(1, { gateway: members });
  view = sealed.view;
  kv.publish(sealed.binary);
  folder = await mkdtemp(join(tmpdir(), "ringway-rules-"));
  const admin = await freePort();
  mesh = await freePort();
  await listener(rules);
  const bootstrap = {
    node: { id: "shop", cluster: "shop" },
    admin: { address: { socket_address: { address: "127.0.0.1", port_value: admin } } },
    dynamic_resources: { lds_config: { resource_api_version: "V3", path_config_source: { path: join(folder, "listeners.json") } } },
    static_resources: {
      clusters: [
        cluster("kv", [kv.port]),
        cluster("carts", carts.map(({ port }) => port), { load_balancing_policy: { policies: [{ typed_extension_config: { name: "override_host", typed_config: overrideHost } }] } }),
      ],
    },
  };
  envoy = await Envoy.run(JSON.stringify(bootstrap), { edge: 0, mesh, admin });
  let row = 0;
  await until(async () => {
    row = (await ask(envoy.mesh, "/carts/1", { headers: { "x-customer": "probe" } })).status === 200 ? row + 1 : 0;
    return row === 16;
  });
});

afterAll(async () => {
  await envoy.stop();
  await Promise.all([kv.stop(), ...carts.map((cart) => cart.kill()), rm(folder, { recursive: true })]);
});

test("by a header: each customer has one server, the one that the ring names", async () => {
  for (let i = 0; i < 40; i++) {
    const answer = await ask(envoy.mesh, `/carts/${i}`, { headers: { "X-Customer": `K${i % 10}` } });
    expect(answer).toMatchObject({ status: 200, body: preference(`K${i % 10}`)[0], headers: { "x-seen-epoch": "1" } });
  }
});

test("by a cookie: each visitor has one server, and two are named", async () => {
  for (let i = 0; i < 40; i++) {
    const answer = await ask(envoy.mesh, `/offers/shop-${i}/today`, { headers: { cookie: `theme=dark; visitor=V${i % 10}` } });
    const [owner, next] = preference(`V${i % 10}`).map((id) => carts.find((cart) => cart.id === id)!);
    expect(answer).toMatchObject({ status: 200, body: owner!.id });
    expect(owner!.requests.at(-1)?.headers["x-ringway-upstream"]).toBe(`${owner!.addr},${next!.addr}`);
  }
});

test("when the owner is dead the next one takes it", async () => {
  const [owner, next] = preference("K1").map((id) => carts.find((cart) => cart.id === id)!);
  await owner!.kill();
  expect(await ask(envoy.mesh, "/carts/1", { headers: { "x-customer": "K1" } })).toMatchObject({ status: 200, body: next!.id });
  await owner!.start();
});

test("without its key a cart is refused, and an offer goes to anyone", async () => {
  for (const headers of [{}, { "x-customer": "" }, { "x-customer": "a b" }, { "x-customer": ["K1", "K2"] }]) {
    expect(await ask(envoy.mesh, "/carts/1", { headers })).toMatchObject({ status: 400, headers: { "x-ringway-reason": "bad_id" } });
  }
  const who = new Set<string>();
  for (let i = 0; i < 20; i++) who.add((await ask(envoy.mesh, "/offers/shop-1")).body);
  expect(who.size).toBeGreaterThan(1);
});

test("a bad update is refused by name and the running rules are kept; a good one is taken", async () => {
  await listener([rules[0], { ...rules[1], copies: 9 }]);
  await until(async () => (await envoy.stat("listener_manager.lds.update_rejected")) === 1);
  await until(() => envoy.log.includes("plugin configuration: rules[1].copies: not a whole number 1..3"));
  const asked = { headers: { "x-customer": "K1" } };
  for (let i = 0; i < 20; i++) expect((await ask(envoy.mesh, "/carts/1", asked)).body).toBe(preference("K1")[0]);

  await listener([{ match: { prefix: "/baskets" }, key: { query: "of" }, pool: "gateway" }]);
  await until(async () => (await ask(envoy.mesh, "/baskets")).status === 400);
  expect((await ask(envoy.mesh, "/baskets?of=K1")).body).toBe(preference("K1")[0]);
});
