/** One topology, looked up. */
import { pools, type Pool, type PoolTopology, type Server, type Topology } from "../protocol/topology.ts";
import { SLOTS, sortServers } from "./topology.ts";
import type { Handle, RingWasm } from "./wasm.ts";

/** In a table of server numbers: no server, and not looked up yet. */
const NONE = 0xffff;
const UNKNOWN = 0xfffe;
/** Bidders named by default: what the filter names. */
const PREFERENCE = 3;

interface PoolView {
  readonly number: number;
  readonly servers: readonly Server[];
  readonly byId: ReadonlyMap<string, Server>;
  /** first and second server of each slot; made when one is looked up */
  table: Uint16Array | undefined;
  filled: number;
}

/**
 * An immutable topology with its rings. It stays valid when newer ones are built; its part of the wasm's memory is
 * freed by `dispose`, or after the view itself is garbage.
 */
export class RingView {
  readonly epoch: number;
  readonly topology: Topology;
  readonly #wasm: RingWasm;
  readonly #release: () => void;
  readonly #pools: Readonly<Record<Pool, PoolView>>;
  #handle: Handle;

  /** Only a RingModule makes views. */
  constructor(wasm: RingWasm, handle: Handle, topology: Topology, release: () => void) {
    this.epoch = topology.epoch;
    this.topology = topology;
    this.#wasm = wasm;
    this.#handle = handle;
    this.#release = release;
    const view = (pool: Pool, number: number): [Pool, PoolView] => {
      const servers = sortServers(topology.pools[pool].servers);
      const byId = new Map(servers.map((server) => [server.id, server]));
      return [pool, { number, servers, byId, table: undefined, filled: 0 }];
    };
    this.#pools = Object.fromEntries(pools.map(view)) as Record<Pool, PoolView>;
  }

  /** 0..65535: where an ID lies on the ring. */
  slotOf(id: string): number {
    return this.#wasm.exports.slot(this.#wasm.putText(id));
  }

  /** The server that owns an ID; undefined where no server of the pool can own anything. */
  owner(pool: Pool, id: string): Server | undefined {
    return this.ownerOfSlot(pool, this.slotOf(id));
  }

  /** @param slot 0..65535 */
  ownerOfSlot(pool: Pool, slot: number): Server | undefined {
    const { servers, number } = this.#pools[pool];
    const table = this.#table(pool);
    let index = table[2 * slot] ?? NONE;
    if (index === UNKNOWN) {
      index = this.#wasm.exports.owner(this.#open(), number, slot) & NONE; // -1 becomes NONE
      table[2 * slot] = index;
    }
    return servers[index];
  }

  /**
   * The preference list of an ID: its slot's pin, if it has one that is routable, then the `k` best bidders besides (1..15). With a
   * zone, the bidders of that zone go first; from `k` = 3 on the last place is another zone's best. The list is shorter where the pool has fewer servers.
   */
  preference(pool: Pool, id: string, k: number = PREFERENCE, zone = ""): readonly Server[] {
    return this.preferenceOfSlot(pool, this.slotOf(id), k, zone);
  }

  /** @param slot 0..65535 */
  preferenceOfSlot(pool: Pool, slot: number, k: number = PREFERENCE, zone = ""): readonly Server[] {
    const { servers, number } = this.#pools[pool];
    const zoneBytes = this.#wasm.putText(zone);
    const n = this.#wasm.exports.preference(this.#open(), number, slot, k, zoneBytes);
    const list: Server[] = [];
    for (let i = 0; i < n; i++) {
      const server = servers[this.#wasm.output[i] ?? NONE];
      if (server !== undefined) list.push(server);
    }
    return list;
  }

  /** A member of the pool by ID, whatever its state. */
  server(pool: Pool, id: string): Server | undefined {
    return this.#pools[pool].byId.get(id);
  }

  /** The pool's members, by ID, whatever their state. */
  servers(pool: Pool): readonly Server[] {
    return this.#pools[pool].servers;
  }

  /** Equal in two views where the pool gives every ID to the same servers. */
  placement(pool: Pool): string {
    const weights = this.servers(pool).map(({ id, weight, state }) => [id, state === "up" ? weight : 0]);
    return JSON.stringify([weights, this.topology.pools[pool].pins]);
  }

  /** SipHash-1-3 of the whole table of first and second servers, 16 hex digits. Looks all slots up: up to 0.3 s at 1000 servers. */
  tableDigest(pool: Pool): string {
    while (this.fill(pool, SLOTS)) continue;
    const table = this.#table(pool);
    const hash = this.#wasm.exports.hash13(this.#wasm.putBytes(new Uint8Array(table.buffer)));
    return BigInt.asUintN(64, hash).toString(16).padStart(16, "0");
  }

  /** Looks up to `slots` more slots up; false when none was left. */
  fill(pool: Pool, slots: number): boolean {
    const view = this.#pools[pool];
    if (view.filled === SLOTS) return false;
    const to = Math.min(view.filled + slots, SLOTS);
    this.#wasm.exports.fillTable(this.#open(), view.number, view.filled, to);
    const { buffer, byteOffset } = this.#wasm.input;
    this.#table(pool).set(new Uint16Array(buffer, byteOffset + 4 * view.filled, 2 * (to - view.filled)), 2 * view.filled);
    view.filled = to;
    return true;
  }

  /** Takes the looked-up tables of those pools that have the same ring in `other`, whose handle may be gone. */
  reuse(other: RingView): void {
    for (const pool of pools) {
      const theirs = other.#pools[pool];
      if (theirs.filled < SLOTS || !sameRing(this.topology.pools[pool], other.topology.pools[pool])) continue;
      Object.assign(this.#pools[pool], { table: theirs.table, filled: SLOTS });
    }
  }

  /** How many slots of the pool have another owner in `other` (0..65536). */
  moved(other: RingView, pool: Pool): number {
    let moved = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      if (this.ownerOfSlot(pool, slot)?.id !== other.ownerOfSlot(pool, slot)?.id) moved++;
    }
    return moved;
  }

  /** Frees the view's memory in the wasm; the view can't be used afterwards. */
  dispose(): void {
    if (this.#handle === 0) return;
    this.#handle = 0;
    this.#release();
  }

  #table(pool: Pool): Uint16Array {
    return (this.#pools[pool].table ??= new Uint16Array(2 * SLOTS).fill(UNKNOWN));
  }

  #open(): Handle {
    if (this.#handle === 0) throw new Error("the ring view was disposed");
    return this.#handle;
  }
}

/** Whether two pools give every slot the same servers by the same numbers: addresses and zones have no part in that. */
function sameRing(a: PoolTopology, b: PoolTopology): boolean {
  const bids = ({ servers, pins }: PoolTopology): string => JSON.stringify([sortServers(servers).map(({ id, weight, state }) => [id, weight, state]), pins]);
  return bids(a) === bids(b);
}
