/** A rebalance in steps: what a topology takes from channel servers that live is a small share of the slots. */
import type { RingView } from "../../services/ring/ring.ts";

const slots = 65_536;
/** Looks at each so-many-th slot: 512 of them. */
const stride = 128;
/** How far that sample may lie off by chance: four standard deviations of it. */
const slack = (share: number): number => 4 * Math.sqrt((share * (1 - share) * stride) / slots);

/** @returns the share of the slots (0..1) that servers lost which are neither down nor gone */
export function takenFromLiving(before: RingView, after: RingView): number {
  let taken = 0;
  for (let slot = 0; slot < slots; slot += stride) {
    const owner = before.ownerOfSlot("channel", slot);
    const next = after.ownerOfSlot("channel", slot);
    // Where all are drained nobody takes it.
    if (owner === undefined || next === undefined || next.id === owner.id) continue;
    const state = after.server("channel", owner.id)?.state;
    if (state !== undefined && state !== "down") taken++;
  }
  return (taken * stride) / slots;
}

/** @returns what is wrong with a topology that follows another, in words */
export function tooLongAStep(before: RingView, after: RingView, share: number): string | undefined {
  const changes = after.servers("channel").map(({ id, weight, state }) => {
    const known = before.server("channel", id);
    return Math.abs((state === "up" ? weight : 0) - (known?.state === "up" ? known.weight : 0));
  });
  // A weight is a whole number: one unit more may be more than a step.
  if (changes.reduce((sum, change) => sum + change, 0) <= 1) return undefined;
  const taken = takenFromLiving(before, after);
  if (taken <= share + slack(share)) return undefined;
  return `topology ${after.epoch} takes ${(100 * taken).toFixed(1)} % of the channel slots from servers that live, in one step`;
}
