/** The ring as charm publishes it now, built once per epoch. */
import { sharesIn, type Share } from "../observe/shares.ts";
import { ProtocolError } from "../protocol/problems.ts";
import type { RingModule, RingView } from "../ring/ring.ts";
import { TopologyError, validateTopology } from "../ring/topology.ts";
import type { Ask } from "../runtime/request.ts";
import type { CharmDoor } from "./charm.ts";

export interface Ring {
  readonly view: RingView;
  readonly shares: readonly Share[];
}

export class CurrentRing {
  readonly #charm: CharmDoor;
  readonly #module: RingModule;
  #last: Ring | undefined;

  constructor(charm: CharmDoor, module: RingModule) {
    this.#charm = charm;
    this.#module = module;
  }

  slotOf(id: string): number {
    return this.#module.slotOf(id);
  }

  /** The last that was seen where charm does not answer. @throws ProtocolError ring_unavailable, with why, where none was */
  async read(options: Ask = {}): Promise<Ring> {
    try {
      const topology = validateTopology(await this.#charm.read("/v1/charm/topology", options));
      if (this.#last?.view.epoch === topology.epoch) return this.#last;
      const view = this.#module.build(topology, this.#last?.view);
      return (this.#last = { view, shares: sharesIn(view) });
    } catch (error) {
      if (!(error instanceof ProtocolError || error instanceof TopologyError)) throw error;
      if (this.#last !== undefined) return this.#last;
      throw new ProtocolError("ring_unavailable", error.message);
    }
  }
}
