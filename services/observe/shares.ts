/** Who has how much of the ring. */
import { pools, type Pool, type Server, type Topology } from "../protocol/topology.ts";
import type { RingModule, RingView } from "../ring/ring.ts";
import { SLOTS } from "../ring/topology.ts";

export interface Share extends Server {
  readonly pool: Pool;
  /** slots that it owns, of 65,536 */
  readonly slots: number;
}

/** Every server of the topology, with what it owns. */
export function sharesOf(module: RingModule, topology: Topology): Share[] {
  const view = module.build(topology);
  const shares = sharesIn(view);
  view.dispose();
  return shares;
}

/** The same of a ring that is built already. */
export function sharesIn(view: RingView): Share[] {
  return pools.flatMap((pool) => {
    const owned = new Map<string, number>();
    for (let slot = 0; slot < SLOTS; slot++) {
      const id = view.ownerOfSlot(pool, slot)?.id;
      if (id !== undefined) owned.set(id, (owned.get(id) ?? 0) + 1);
    }
    return view.servers(pool).map((server): Share => ({ pool, ...server, slots: owned.get(server.id) ?? 0 }));
  });
}

export const shareColumns: readonly string[] = ["pool", "server", "zone", "state", "weight", "slots"];

/** The cells of `shareColumns`. */
export function shareCells({ pool, id, zone, state, weight, slots }: Share): string[] {
  return [pool, id, zone, state, String(weight), `${((100 * slots) / SLOTS).toFixed(1)} %`];
}
