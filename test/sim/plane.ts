/** A whole plane in one process: who there is, where, and how it starts, dies and comes back. */
import type { Topology } from "../../services/protocol/topology.ts";
import type { RingModule, RingView } from "../../services/ring/ring.ts";
import type { Entry } from "../../services/store/log.ts";
import { Client, type ClientOptions } from "./client.ts";
import { Directory } from "./directory.ts";
import type { Door } from "./door.ts";
import { Envoy } from "./envoy.ts";
import { Farewells } from "./farewells.ts";
import { Kernel } from "./kernel.ts";
import { Monitor } from "./monitor.ts";
import { Network, type Place } from "./network.ts";
import { ChannelServer } from "./nodes/channel.ts";
import { Charm, emptyDisk } from "./nodes/charm.ts";
import { GatewayServer } from "./nodes/gateway.ts";
import { PresenceServer } from "./nodes/presence.ts";
import { Webapp } from "./nodes/webapp.ts";
import { Process } from "./process.ts";
import { Random } from "./random.ts";
import { Store } from "./store.ts";
import { Trace } from "./trace.ts";
import type { ResumeWindow, World } from "./world.ts";

/** When the run began, ms since the Unix epoch. */
const began = 1_700_000_000_000;
/** Clocks of two places differ by at most twice this, ms. */
const skewMs = 2_000;

export interface PlaneOptions {
  readonly channels: number;
  readonly gateways: number;
  readonly presences: number;
  /** as gateways have it by default, where it is left out */
  readonly window?: ResumeWindow;
  readonly reconnectsPerSecond?: number;
  readonly stepShare?: number;
  /** clocks agree, and everything takes always the same time */
  readonly steady?: boolean;
}

/** A run asks for the slots of a few IDs again and again. */
function remembering(ring: RingModule): RingModule {
  const slots = new Map<string, number>();
  return {
    ...ring,
    slotOf(id) {
      let slot = slots.get(id);
      if (slot === undefined) slots.set(id, (slot = ring.slotOf(id)));
      return slot;
    },
  };
}

interface Incarnation {
  readonly process: Process;
  readonly server?: ChannelServer | GatewayServer | PresenceServer;
}

/** A server of the ring, dead or alive. */
export class Node {
  readonly id: string;
  readonly #start: (incarnation: number) => Incarnation;
  #now: Incarnation | undefined;
  #count = 0;
  stopping = false;

  constructor(id: string, start: (incarnation: number) => Incarnation) {
    this.id = id;
    this.#start = start;
  }

  get process(): Process | undefined {
    return this.#now?.process.alive === true ? this.#now.process : undefined;
  }

  get server(): Incarnation["server"] {
    return this.process === undefined ? undefined : this.#now?.server;
  }

  start(): void {
    if (this.process !== undefined) return;
    this.stopping = false;
    this.#now = this.#start(this.#count++);
  }

  /** kill -9 */
  kill(): void {
    this.process?.kill();
  }
}

export class Plane {
  readonly world: World;
  readonly nodes = new Map<string, Node>();
  readonly clients: Client[] = [];
  readonly ids: { readonly channel: readonly string[]; readonly gateway: readonly string[]; readonly presence: readonly string[] };
  readonly #views: RingView[] = [];

  /** @param trace is given one line an event */
  constructor(ring: RingModule, seed: number, options: PlaneOptions, trace?: (line: string) => void) {
    const kernel = new Kernel();
    const draw = (stream: string): Random => (options.steady === true ? Random.steady() : new Random(seed, stream));
    const net = new Network(kernel, draw("network"));
    const store = new Store(kernel, net, draw("store"));
    const clocks = draw("clocks");
    const skews = new Map<Place, number>();
    const set = new Map<Place, number>();
    const places = new Map<string, Place>();
    const disk = emptyDisk();
    const views = this.#views;
    const named = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
    this.ids = { channel: named("cs", options.channels), gateway: named("gw", options.gateways), presence: named("ps", options.presences) };
    const window = options.window ?? { resumeMs: 300_000, resumeEvents: 10_000 };
    const reconnectsPerSecond = options.reconnectsPerSecond ?? 200;
    const world: World = (this.world = {
      kernel,
      net,
      store,
      ring: remembering(ring),
      trace: new Trace(kernel, trace),
      monitor: new Monitor(store.log, window, (entry) => this.#expired(entry)),
      directory: new Directory(),
      random: draw("world"),
      ids: new Random(seed, "ids"),
      window,
      stepShare: options.stepShare ?? 0.05,
      reconnectsPerSecond,
      farewells: new Farewells(kernel, reconnectsPerSecond),
      doors: new Map<string, Door>(),
      epochs: new Map(),
      onPresence: () => undefined,
      charm: undefined,
      envoy: undefined as unknown as Envoy,
      placeOf: (addr) => places.get(addr) ?? "nowhere",
      view: (topology: Topology) => {
        const view = ring.build(topology);
        world.monitor.published(views.at(-1), view, world.stepShare);
        views.push(view);
        return view;
      },
      clock: (place) => world.steadyClock(place) + (set.get(place) ?? 0),
      steadyClock: (place) => {
        let skew = skews.get(place);
        if (skew === undefined) skews.set(place, (skew = Math.round(clocks.between(-skewMs, skewMs))));
        return began + kernel.now + skew;
      },
      setClock: (place, byMs) => set.set(place, (set.get(place) ?? 0) + byMs),
    });
    (world as { envoy: Envoy }).envoy = new Envoy(world);

    const add = (id: string, start: (process: Process) => Incarnation["server"]): void => {
      const node = new Node(id, (incarnation) => {
        const process = new Process(kernel, id, incarnation === 0 ? id : `${id}'${incarnation + 1}`);
        world.trace.line(() => `${process.name}  starts`);
        const server = start(process);
        return server === undefined ? { process } : { process, server };
      });
      this.nodes.set(id, node);
    };
    add("charm", (process) => {
      world.charm = new Charm(world, process, disk);
      return undefined;
    });
    add("webapp", (process) => {
      new Webapp(world, process);
      return undefined;
    });
    let port = 9000;
    for (const pool of ["channel", "presence", "gateway"] as const) {
      for (const id of this.ids[pool]) {
        const addr = `127.0.0.1:${port++}`;
        places.set(addr, id);
        const registration = { pool, id, addr, weight: 100 } as const;
        add(id, (process) => {
          if (pool === "channel") return new ChannelServer(world, process, registration);
          return pool === "gateway" ? new GatewayServer(world, process, registration) : new PresenceServer(world, process, registration);
        });
      }
    }
  }

  start(): void {
    this.world.envoy.start();
    for (const node of this.nodes.values()) node.start();
  }

  node(id: string): Node {
    return this.nodes.get(id)!;
  }

  client(options: ClientOptions): Client {
    const client = new Client(this.world, options);
    this.clients.push(client);
    return client;
  }

  /** Whether no owner would replay this entry any more for its age, by the clock that is ahead of all. */
  #expired(entry: Entry): boolean {
    const latest = Math.max(...this.ids.channel.map((id) => this.world.clock(id)));
    return Number(entry.ts) * 1_000 < latest - this.world.window.resumeMs;
  }

  /** kill -9, and a start after a while. */
  crash(id: string, downMs: number): void {
    this.world.trace.line(() => `${id}  is killed`);
    this.node(id).kill();
    this.world.kernel.after(downMs, () => this.node(id).start());
  }

  /** SIGTERM, and a start after its end. */
  restart(id: string, downMs: number): void {
    const node = this.node(id);
    const { server, process } = node;
    if (server === undefined || process === undefined || process.paused || node.stopping) return;
    node.stopping = true;
    this.world.trace.line(() => `${process.name}  is told to stop`);
    server.stop(() => {
      this.world.trace.line(() => `${process.name}  has ended`);
      process.kill();
      this.world.kernel.after(downMs, () => node.start());
    });
  }

  /** SIGSTOP, and SIGCONT after a while. */
  pause(id: string, ms: number): void {
    const { process } = this.node(id);
    if (process === undefined) return;
    this.world.trace.line(() => `${process.name}  is stopped for ${Math.round(ms)} ms`);
    process.pause();
    this.world.kernel.after(ms, () => {
      this.world.trace.line(() => (process.alive ? `${process.name}  goes on` : undefined));
      process.resume();
    });
  }

  /** Frees what the rings hold in the wasm. */
  dispose(): void {
    for (const view of this.#views) view.dispose();
  }
}
