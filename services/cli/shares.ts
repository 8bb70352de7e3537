import type { Pool } from "../protocol/topology.ts";
import type { RingView } from "../ring/view.ts";

export const slots = 65_536;

/** Server → slots that it owns; one that owns none is left out. */
export function sharesOf(view: RingView, pool: Pool): ReadonlyMap<string, number> {
  const owned = new Map<string, number>();
  for (let slot = 0; slot < slots; slot++) {
    const id = view.ownerOfSlot(pool, slot)?.id;
    if (id !== undefined) owned.set(id, (owned.get(id) ?? 0) + 1);
  }
  return owned;
}

export function percent(owned: number): string {
  return `${((100 * owned) / slots).toFixed(1)} %`;
}
