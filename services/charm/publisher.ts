/** Writes topologies into the registry: JSON for services, then the binary for the filter, each by compare-and-set. */
import { TOPOLOGY_BINARY_KEY, TOPOLOGY_KEY, type Topology } from "../protocol/topology.ts";
import type { KvEntry, Registry } from "../registry/client.ts";
import type { RingModule, RingView } from "../ring/ring.ts";
import { sealTopologyInTurns, type TopologyDraft } from "../ring/seal.ts";
import { encodeTopologyBinary, encodeTopologyJson, parseTopology } from "../ring/topology.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";

const RETRY_MS = 500;

export interface PublisherOptions {
  readonly registry: Registry;
  readonly module: RingModule;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export class Publisher {
  readonly #registry: Registry;
  readonly #module: RingModule;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #signal: AbortSignal;
  #queue: Promise<unknown> = Promise.resolve();
  #refused = "";
  /** the last one that was sealed: its tables serve again where a pool has not changed */
  #sealed: RingView | undefined;

  constructor({ registry, module, clock, log, signal }: PublisherOptions) {
    this.#registry = registry;
    this.#module = module;
    this.#clock = clock;
    this.#log = log;
    this.#signal = signal;
  }

  /** What the registry holds now; a damaged document is `undefined`, and said. @throws RegistryError */
  async load(): Promise<{ readonly topology: Topology | undefined; readonly modifyIndex: number }> {
    const { entry } = await this.#registry.get(TOPOLOGY_KEY);
    return { topology: this.read(entry), modifyIndex: entry?.modifyIndex ?? 0 };
  }

  read(entry: KvEntry | undefined): Topology | undefined {
    if (entry === undefined) return undefined;
    try {
      const topology = parseTopology(entry.value);
      if (topology.keyId === this.#module.keyId) this.#module.checkDigest(topology);
      return topology;
    } catch (error) {
      this.#log.error({ err: error }, "the topology in the registry is damaged");
      return undefined;
    }
  }

  /**
   * Publishes a draft, after what is being published.
   * @returns what the registry holds then: the draft, or what another charm wrote; "failed" where nothing is known
   */
  publish(draft: TopologyDraft): Promise<Topology | "failed"> {
    return this.#inTurn(async () => {
      try {
        const sealed = await sealTopologyInTurns(this.#module, draft, this.#sealed);
        sealed.view.dispose();
        this.#sealed = sealed.view;
        const stored = await this.load();
        const other = this.#own(stored.topology);
        if (other !== undefined && other.epoch >= draft.epoch) return other;
        if (!(await this.#registry.put(TOPOLOGY_KEY, sealed.json, stored.modifyIndex))) return "failed";
        this.#refused = "";
        return sealed.topology;
      } catch (error) {
        const { message } = error as Error;
        if (message !== this.#refused) this.#log.error({ err: error, epoch: draft.epoch }, "the topology could not be published");
        this.#refused = message;
        return "failed";
      }
    });
  }

  /** Makes the binary that of `topology`, trying until it is, or a newer one is there. */
  async writeBinary(topology: Topology, isNewest: () => boolean): Promise<void> {
    const binary = encodeTopologyBinary(topology, this.#module.sipHash24);
    while (isNewest() && !this.#signal.aborted) {
      try {
        const { entry } = await this.#registry.get(TOPOLOGY_BINARY_KEY);
        if (entry !== undefined && Buffer.compare(entry.value, binary) === 0) return;
        if (entry !== undefined && this.#module.check(entry.value) === "none" && epochOf(entry.value) > topology.epoch) return;
        if (await this.#registry.put(TOPOLOGY_BINARY_KEY, binary, entry?.modifyIndex ?? 0)) return;
      } catch (error) {
        this.#log.warn({ err: error, epoch: topology.epoch }, "the binary topology could not be written; trying on");
      }
      await this.#clock.sleep(RETRY_MS, this.#signal);
    }
  }

  /** Runs `task` when nothing is being published. */
  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(task);
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  /** Loads what the registry holds once nothing is being published, so that it can't be older than what this charm wrote. @throws RegistryError */
  loadInTurn(): Promise<Topology | undefined> {
    return this.#inTurn(async () => this.#own((await this.load()).topology));
  }

  /** A document of another cluster key is as good as none: no reader takes it. */
  #own(topology: Topology | undefined): Topology | undefined {
    return topology?.keyId === this.#module.keyId ? topology : undefined;
  }
}

export function sameDocument(a: Topology | undefined, b: Topology | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.epoch === b.epoch && Buffer.compare(encodeTopologyJson(a), encodeTopologyJson(b)) === 0;
}

/** Bytes 8..15 of a valid binary document. */
function epochOf(binary: Uint8Array): number {
  return Number(Buffer.from(binary.buffer, binary.byteOffset, binary.length).readBigUInt64LE(8));
}
