/** What the filter's tests share: configurations, sealed topologies, and an emulated Envoy that has one. */
import type { Pool, PoolTopology, Server, Topology } from "../../services/protocol/topology.ts";
import { DEV_KEY } from "../../services/ring/key.ts";
import { loadRingModule, type RingView } from "../../services/ring/ring.ts";
import { encodeTopologyBinary } from "../../services/ring/topology.ts";
import { ProxyHost, type Vm } from "../host/host.ts";
import type { ModelPool } from "../vectors/index.ts";

export const ring = await loadRingModule(DEV_KEY);

/** The plugin configuration of both listeners in one, with changes. */
export function configuration(changes: Record<string, unknown> = {}): string {
  return JSON.stringify({
    hashKey: DEV_KEY,
    routes: ["gateway", "channel", "presence", "link"],
    topology: { cluster: "charm" },
    ...changes,
  });
}

/** A rule of each kind of key, and one that picks a server by name. */
export const ruleOfEachKind = [
  { match: { template: "/rooms/{room}/**" }, key: { segment: "room" }, pool: "channel" },
  { match: { prefix: "/search" }, key: { query: "tenant" }, pool: "presence", copies: 2 },
  { match: { prefix: "/carts/" }, key: { header: "X-Customer" }, pool: "gateway", zone: "prefer" },
  { match: { prefix: "/play", upgrade: true }, key: { cookie: "sid" }, pool: "gateway", copies: 1, onMiss: "pass" },
  { match: { template: "/debug/{server}" }, key: { segment: "server" }, pool: "channel", by: "server-id" },
] as const;

/** Servers `<prefix>-0` … at `127.0.0.1:<port>` …, all up with weight 100. */
export function servers(prefix: string, count: number, port: number, zone = "a"): Server[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `${prefix}-${i}`,
    addr: `127.0.0.1:${port + i}`,
    zone,
    weight: 100,
    state: "up",
  }));
}

/** A sealed document; pools that are not given are empty. Without table digests, which the binary form does not carry. */
export function seal(epoch: number, given: Partial<Record<Pool, Server[] | ModelPool>>): { binary: Uint8Array; view: RingView } {
  const pool = (name: Pool): PoolTopology => {
    const what = given[name] ?? [];
    return { ...(Array.isArray(what) ? { servers: what, pins: [] } : what), tableDigest: "0".repeat(16) };
  };
  const document: Topology = {
    v: 1,
    epoch,
    keyId: ring.keyId,
    pools: { channel: pool("channel"), presence: pool("presence"), gateway: pool("gateway") },
  };
  return { binary: encodeTopologyBinary(document, ring.sipHash24), view: ring.build(document) };
}

/** Ticks until a VM polls, and gives that VM. */
export function pollingVm(host: ProxyHost): Vm {
  for (let i = 0; i < 200; i++) {
    const vm = host.vms.find(({ calls }) => calls.length > 0);
    if (vm !== undefined) return vm;
    host.tick();
  }
  throw new Error("no VM polls");
}

/** Answers the running poll with a document, then lets every VM notice. */
export function deliver(host: ProxyHost, binary: Uint8Array, index = 7): void {
  pollingVm(host).respond(200, { "x-consul-index": String(index) }, binary);
  host.tick();
}

/** An emulated Envoy with one configured VM that has this topology. */
export function routedVm(binary: Uint8Array, config = configuration(), zone?: string): Vm {
  const host = new ProxyHost();
  const vm = host.start({ configuration: config, ...(zone === undefined ? {} : { zone }) });
  deliver(host, binary);
  return vm;
}
