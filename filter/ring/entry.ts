/**
 * The face of ring.wasm. Plain numbers cross it; bytes go through one input area and server indexes come back
 * through one output area, so that a look-up from Node allocates nothing here.
 */
import { beats as bidBeats, logBid } from "./bid";
import { NO_SERVER, PREFERENCE_MAX, Ring, SLOTS, slotOf } from "./ring";
import { sipHash13, sipHash24 } from "./siphash";
import { DOCUMENT_BYTES_MAX, keyId as idOfKey, Topology, topologyError } from "./topology";

let k0: u64 = 0;
let k1: u64 = 0;

const input = heap.alloc(<usize>DOCUMENT_BYTES_MAX);
const output = new StaticArray<u16>(PREFERENCE_MAX);

export { topologyError };

/** Sets the cluster key of everything below. */
export function setKey(low: u64, high: u64): void {
  k0 = low;
  k1 = high;
}

export function keyId(): u32 { return idOfKey(k0, k1); }
export function inputPtr(): usize { return input; }
export function inputBytes(): i32 { return DOCUMENT_BYTES_MAX; }
export function outputPtr(): usize { return changetype<usize>(output); }

/** Of the first `len` bytes of the input area; the caller keeps to its size. */
export function hash13(len: i32): u64 { return sipHash13(input, len, k0, k1); }
export function hash24(len: i32): u64 { return sipHash24(input, len, k0, k1); }
export function slot(len: i32): u32 { return slotOf(k0, k1, input, len); }

/**
 * Decodes the first `len` bytes of the input area; the caller pins what it gets. The only call that makes the memory grow, which
 * detaches Node's views of it: the tables are made here and not by some look-up.
 */
export function decode(len: i32): Topology | null {
  const topology = Topology.decode(input, len, k0, k1);
  if (topology != null) topology.makeTables();
  return topology;
}

export function owner(topology: Topology, pool: i32, slot: u32): i32 { return topology.pool(pool).owner(slot); }

/** Fills the output area; the zone is the first `zoneLen` bytes of the input area. */
export function preference(topology: Topology, pool: i32, slot: u32, k: i32, zoneLen: i32): i32 {
  return topology.pool(pool).preference(slot, k, output, input, zoneLen);
}

/**
 * Looks up the slots `from` .. `to`-1 and writes their first two servers at the same place of the table that
 * `tableDigest` reads. In slices, so that a large ring does not hold up Node's event loop.
 */
export function fillTable(topology: Topology, pool: i32, from: i32, to: i32): void {
  const ring: Ring = topology.pool(pool);
  for (let slot = max(from, 0); slot < min(to, SLOTS); slot++) {
    const n = ring.preference(slot, 2, output, 0, 0);
    const at = input + (<usize>slot << 2);
    store<u16>(at, n > 0 ? output[0] : NO_SERVER);
    store<u16>(at, n > 1 ? output[1] : NO_SERVER, 2);
  }
}

/** The arithmetic of bids by itself: chance hardly ever makes a tie, so the tests ask for one here. */
export function bid(h: u64): u64 { return logBid(h); }
export function beats(hA: u64, weightA: u32, indexA: u32, hB: u64, weightB: u32, indexB: u32): bool {
  return bidBeats(logBid(hA), weightA, hA, indexA, logBid(hB), weightB, hB, indexB);
}
