/** A charm, a webapp and two servers of each pool, for tests that want an Envoy of their own to route to something. */
import type { Pool, Server } from "../../services/protocol/topology.ts";
import type { RingView } from "../../services/ring/ring.ts";
import { Envoy, until } from "./envoy.ts";
import { FakeCharm } from "./fake-charm.ts";
import { seal } from "./setup.ts";
import { ask, Upstream } from "./upstream.ts";
import { at, named, names, set, type Mapping } from "./yaml.ts";

const pools: readonly Pool[] = ["channel", "presence", "gateway"];

export class Stage {
  readonly charm = new FakeCharm();
  readonly webapp = new Upstream("webapp");
  readonly upstreams: Record<Pool, Upstream[]> = {
    channel: [new Upstream("cs-0"), new Upstream("cs-1")],
    presence: [new Upstream("ps-0"), new Upstream("ps-1")],
    gateway: [new Upstream("gw-0"), new Upstream("gw-1")],
  };
  #view: RingView | undefined;
  #epoch = 0;

  async start(): Promise<void> {
    const all = pools.flatMap((pool) => this.upstreams[pool]);
    await Promise.all([this.charm.start(), this.webapp.start(), ...all.map((upstream) => upstream.start())]);
    for (const pool of pools) this.charm.setEndpoints(pool, this.#servers(pool).map(({ addr, zone }) => ({ addr, zone })));
    this.publish();
  }

  /** Publishes the topology under the next epoch, and gives that. */
  publish(): number {
    const sealed = seal(++this.#epoch, { channel: this.#servers("channel"), presence: this.#servers("presence"), gateway: this.#servers("gateway") });
    this.#view = sealed.view;
    this.charm.publish(sealed.binary);
    return this.#epoch;
  }

  /** The servers of an ID's preference list, in order. */
  preference(pool: Pool, id: string): Upstream[] {
    if (this.#view === undefined) throw new Error("nothing is published");
    return this.#view.preference(pool, id, 3, "").map((server) => this.upstreams[pool].find(({ id: at }) => at === server.id)!);
  }

  /** Starts Envoy with a bootstrap, its listeners (edge, mesh or both), its admin on free ports and the static clusters charm and webapp at the test's. */
  async envoy(bootstrap: Mapping): Promise<Envoy> {
    set(bootstrap, ["admin", "address", "socket_address"], "port_value", 0);
    const listeners = at(bootstrap, "static_resources", "listeners");
    for (const name of ["edge", "mesh"] as const) {
      if (names(listeners).includes(name)) set(named(listeners, name), ["address", "socket_address"], "port_value", 0);
    }
    const clusters = at(bootstrap, "static_resources", "clusters");
    for (const name of ["charm", "webapp"] as const) {
      set(named(clusters, name), ["load_assignment", "endpoints", 0, "lb_endpoints", 0, "endpoint", "address", "socket_address"], "port_value", this[name].port);
    }
    return Envoy.run(JSON.stringify(bootstrap));
  }

  /** Waits until this server answers for a path 16 times in a row: both workers have their ring, but for one chance in thousands. */
  async answers(upstream: Upstream, host: string, path: string): Promise<void> {
    let row = 0;
    await until(async () => {
      row = (await ask(host, path)).body === upstream.id ? row + 1 : 0;
      return row === 16;
    });
  }

  async stop(): Promise<void> {
    const all = pools.flatMap((pool) => this.upstreams[pool]);
    await Promise.all([this.charm.stop(), this.webapp.kill(), ...all.map((upstream) => upstream.kill())]);
  }

  #servers(pool: Pool): Server[] {
    return this.upstreams[pool].map(({ id, addr }) => ({ id, addr, zone: "local", weight: 100, state: "up" }));
  }
}
