/**
 * From ids (of streams, of calls) to numbers: what a plugin remembers of a stream that waits for an answer. Sixteen slots to begin
 * with, twice as many when three quarters are taken; what was removed leaves no trace, so it grows with what is open, not with time.
 */
import { requestCollect } from "./memory";

const SLOTS_MIN = 16;

export class IdMap {
  /** id in the upper half, value in the lower; 0 is a free slot, since no host gives the id 0 */
  private slots: StaticArray<u64> = new StaticArray<u64>(SLOTS_MIN);
  /** ids that are in the map */
  size: i32 = 0;

  /** The value of `id`, or `otherwise`. */
  get(id: u32, otherwise: u32 = 0): u32 {
    const entry = unchecked(this.slots[this.find(id)]);
    return entry == 0 ? otherwise : <u32>entry;
  }

  /** Sets the value of `id`. 0 is not an id and is left out. */
  set(id: u32, value: u32): void {
    if (id == 0) return;
    if ((this.size + 1) * 4 > this.slots.length * 3) this.grow();
    const at = this.find(id);
    if (unchecked(this.slots[at]) == 0) this.size++;
    unchecked((this.slots[at] = ((<u64>id) << 32) | value));
  }

  /** Takes `id` out; false if it was not in. */
  remove(id: u32): bool {
    const mask = this.slots.length - 1;
    let hole = this.find(id);
    if (unchecked(this.slots[hole]) == 0) return false;
    this.size--;
    // Pull back what the removed entry had pushed on, so that no search ends early at the hole.
    for (let at = (hole + 1) & mask; ; at = (at + 1) & mask) {
      const entry = unchecked(this.slots[at]);
      if (entry == 0) break;
      const home = this.home(<u32>(entry >> 32));
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      unchecked((this.slots[hole] = entry));
      hole = at;
    }
    unchecked((this.slots[hole] = 0));
    return true;
  }

  private home(id: u32): i32 {
    return <i32>((id * 0x9e37_79b1) >> 8) & (this.slots.length - 1);
  }

  /** The slot of `id`, or the free one where it would go. */
  private find(id: u32): i32 {
    const mask = this.slots.length - 1;
    let at = this.home(id);
    while (true) {
      const entry = unchecked(this.slots[at]);
      if (entry == 0 || <u32>(entry >> 32) == id) return at;
      at = (at + 1) & mask;
    }
  }

  private grow(): void {
    const old = this.slots;
    this.slots = new StaticArray<u64>(old.length * 2);
    for (let i = 0; i < old.length; i++) {
      const entry = unchecked(old[i]);
      if (entry != 0) unchecked((this.slots[this.find(<u32>(entry >> 32))] = entry));
    }
    requestCollect();
  }
}
