/** What every part of a simulated plane shares. */
import type { Client } from "./client.ts";
import type { Charm } from "./nodes/charm.ts";
import type { Topology } from "../../services/protocol/topology.ts";
import type { RingModule, RingView } from "../../services/ring/ring.ts";
import type { Directory } from "./directory.ts";
import type { Envoy } from "./envoy.ts";
import type { Farewells } from "./farewells.ts";
import type { Kernel } from "./kernel.ts";
import type { Monitor } from "./monitor.ts";
import type { Network, Place } from "./network.ts";
import type { Door } from "./door.ts";
import type { Random } from "./random.ts";
import type { Store } from "./store.ts";
import type { Trace } from "./trace.ts";

export interface ResumeWindow {
  readonly resumeMs: number;
  readonly resumeEvents: number;
}

export interface World {
  readonly kernel: Kernel;
  readonly net: Network;
  readonly store: Store;
  readonly trace: Trace;
  readonly ring: RingModule;
  readonly envoy: Envoy;
  readonly monitor: Monitor;
  readonly directory: Directory;
  /** small choices and delays of servers and clients */
  readonly random: Random;
  /** sessions and tickets */
  readonly ids: Random;
  /** how far back gateways replay */
  readonly window: ResumeWindow;
  /** the share of the channel slots that one topology moves at most, 0..1 */
  readonly stepShare: number;
  /** how fast gateways that drain send their clients away */
  readonly reconnectsPerSecond: number;
  readonly farewells: Farewells;
  /** who listens, by address */
  readonly doors: Map<string, Door>;
  /** The topology that each server has, by place. */
  readonly epochs: Map<Place, number>;
  /** A client is shown somebody's presence. */
  onPresence: (client: Client, user: string, active: boolean) => void;
  /** the running charm */
  charm: Charm | undefined;
  /** the place of an address, whether or not somebody listens there */
  placeOf(addr: string): Place;
  /** One view per topology, shared by all who follow it; views never change. */
  view(topology: Topology): RingView;
  /** A place's wall clock, ms since the Unix epoch: no two agree, and it may be set. */
  clock(place: Place): number;
  /** A place's monotonic clock, ms: as its wall clock was when it started. */
  steadyClock(place: Place): number;
  /** Sets a place's wall clock forward, or back. */
  setClock(place: Place, byMs: number): void;
}
