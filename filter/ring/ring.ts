/**
 * The ring of one pool: which server owns a slot, and who stands in next. Immutable after `build`, apart
 * from the cache of answers; a change of members is a whole new Ring.
 */
import { beats, bidHash, logBid, serverKey, slotPoint } from "./bid";
import { sipHash13 } from "./siphash";

export const SLOTS: i32 = 65536;
export const SERVERS_MAX: i32 = 1024;
export const PINS_MAX: i32 = 4096;
/** Most servers that one preference list can name, its pin included. */
export const PREFERENCE_MAX: i32 = 16;
/** Stands for "no server" in 16-bit lists. */
export const NO_SERVER: u16 = 0xffff;

/** Server states, as numbered in the binary topology. */
export const STATE_UP: u8 = 0;
export const STATE_DRAINING: u8 = 1;
export const STATE_DOWN: u8 = 2;

// A server's record in the binary topology: these six bytes, then the ID, the address and the zone.
export const RECORD_ID_LEN: usize = 0;
export const RECORD_ADDR_LEN: usize = 1;
export const RECORD_ZONE_LEN: usize = 2;
export const RECORD_STATE: usize = 3;
export const RECORD_WEIGHT: usize = 4;
export const RECORD_HEAD: usize = 6;

const ZONE_ANY = 0;
const ZONE_SAME = 1;
const ZONE_OTHER = 2;

/** What is cached per slot: four 16-bit server numbers. A real list never is all zeros. */
const CACHED = 4;

// Scratch of one look-up. A worker has one thread and look-ups do not nest.
const classHash = memory.data(16 * 8, 8);
const classPlace = memory.data(16 * 4, 4);
const topLog = memory.data(16 * 8, 8);
const topHash = memory.data(16 * 8, 8);
const topWeight = memory.data(16 * 4, 4);
const topIndex = memory.data(16 * 4, 4);
const listed = memory.data(16 * 2, 8);

/** The slot of a channel or user ID: the top 16 bits of its SipHash-1-3. */
// @ts-ignore: decorator
@inline
export function slotOf(k0: u64, k1: u64, ptr: usize, len: i32): u32 {
  return <u32>(sipHash13(ptr, len, k0, k1) >> 48);
}

export class Ring {
  /** Number of servers, routable or not; a server's index is 0 .. count-1, in bytewise order of ID. */
  count: i32 = 0;
  /** Number of servers that can own a slot. */
  routable: i32 = 0;
  /** Number of pins, heeded or not. */
  pinCount: i32 = 0;

  /** The document's bytes; all three rings of a topology share them. */
  private doc: StaticArray<u8>;
  /** Offset in `doc` of each server's record. */
  private records: StaticArray<u32>;
  /** Offset in `doc` of the pins: (slot u16, server u16), ascending by slot. */
  private pinsAt: u32 = 0;
  /** Routable servers in bidding order, by weight and then by index, and their keys. */
  private bidders: StaticArray<u16> = new StaticArray<u16>(0);
  private keys: StaticArray<u64> = new StaticArray<u64>(0);
  /** One per weight: weight << 16 | place in `bidders` where its servers end. */
  private classes: StaticArray<u32> = new StaticArray<u32>(0);
  private classCount: i32 = 0;
  /** Lists found so far, by slot; 0 is "not looked up yet". Half a megabyte, so it is made by the first look-up that needs it. */
  private lists: StaticArray<u64> | null = null;

  /**
   * `doc` is a validated document; `records` holds the offset of each server's record in it, `pinsAt` that of
   * `pinCount` pins. Only `Topology.decode` calls this.
   */
  constructor(doc: StaticArray<u8>, records: StaticArray<u32>, pinsAt: u32, pinCount: i32, k0: u64, k1: u64) {
    this.doc = doc;
    this.records = records;
    this.count = records.length;
    this.pinsAt = pinsAt;
    this.pinCount = pinCount;

    const order = new StaticArray<u32>(this.count);
    let routable = 0;
    for (let i = 0; i < this.count; i++) {
      if (this.isRoutable(i)) unchecked((order[routable++] = ((<u32>this.weight(i)) << 16) | i));
    }
    this.routable = routable;
    const bidding = routable == this.count ? order : order.slice<StaticArray<u32>>(0, routable);
    bidding.sort((a, b) => (a > b ? 1 : 0) - (a < b ? 1 : 0));

    const bidders = new StaticArray<u16>(routable);
    const keys = new StaticArray<u64>(routable);
    const classes = new StaticArray<u32>(routable);
    let classCount = 0;
    let weightBefore: u32 = 0; // no bidder's
    for (let b = 0; b < routable; b++) {
      const index = <i32>(unchecked(bidding[b]) & 0xffff);
      const weight = unchecked(bidding[b]) >> 16;
      unchecked((bidders[b] = <u16>index));
      unchecked((keys[b] = serverKey(this.idPtr(index), this.idLen(index), k0, k1)));
      if (weight != weightBefore) classCount++;
      weightBefore = weight;
      unchecked((classes[classCount - 1] = (weight << 16) | (b + 1)));
    }
    this.bidders = bidders;
    this.keys = keys;
    this.classes = classes;
    this.classCount = classCount;
  }

  /** The table of answers, made if it isn't there. */
  makeTable(): StaticArray<u64> {
    let lists = this.lists;
    if (lists == null) {
      lists = new StaticArray<u64>(this.routable > 0 ? SLOTS : 0);
      this.lists = lists;
    }
    return lists;
  }

  // @ts-ignore: decorator
  @inline
  private record(i: i32): usize {
    return changetype<usize>(this.doc) + unchecked(this.records[i]);
  }

  // The accessors below take 0 ≤ i < count. Their pointers last as long as this ring does.
  idPtr(i: i32): usize { return this.record(i) + RECORD_HEAD; }
  idLen(i: i32): i32 { return <i32>load<u8>(this.record(i) + RECORD_ID_LEN); }
  /** The server's `ip:port`. */
  addrPtr(i: i32): usize { return this.idPtr(i) + <usize>this.idLen(i); }
  addrLen(i: i32): i32 { return <i32>load<u8>(this.record(i) + RECORD_ADDR_LEN); }
  zonePtr(i: i32): usize { return this.addrPtr(i) + <usize>this.addrLen(i); }
  zoneLen(i: i32): i32 { return <i32>load<u8>(this.record(i) + RECORD_ZONE_LEN); }
  weight(i: i32): u16 { return load<u16>(this.record(i) + RECORD_WEIGHT); }
  state(i: i32): u8 { return load<u8>(this.record(i) + RECORD_STATE); }
  /** Whether it may own slots: up, and with a weight. */
  isRoutable(i: i32): bool { return this.state(i) == STATE_UP && this.weight(i) != 0; }

  /** The server with this ID, whatever its state, or -1. */
  indexOfId(ptr: usize, len: i32): i32 {
    let low = 0;
    let high = this.count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const order = compareBytes(this.idPtr(middle), this.idLen(middle), ptr, len);
      if (order == 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** The server that a pin puts on this slot, or -1; a pin to a server that isn't routable counts for nothing. */
  pin(slot: u32): i32 {
    const pins = changetype<usize>(this.doc) + this.pinsAt;
    let low = 0;
    let high = this.pinCount - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const at = pins + (<usize>middle << 2);
      const found = <u32>load<u16>(at);
      if (found == slot) {
        const server = <i32>load<u16>(at, 2);
        return this.isRoutable(server) ? server : -1;
      }
      if (found < slot) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** The server that owns the slot (0..65535), or -1 where no server is routable. */
  owner(slot: u32): i32 {
    if (this.routable == 0) return -1;
    return <i32>(<u16>this.cached(slot & 0xffff));
  }

  /**
   * The slot's preference list: its pin if it has one, then the `k` best bidders (1 ≤ k < PREFERENCE_MAX) besides. Writes at
   * most `k` + 1 server indexes into `out`, never more than it holds, and returns how many. With a zone
   * (zoneLen > 0) the bidders of that zone go first; from k = 3 on the last place is another zone's best. Allocates nothing but the table of answers, once.
   */
  preference(slot: u32, k: i32, out: StaticArray<u16>, zonePtr: usize, zoneLen: i32): i32 {
    if (this.routable == 0 || k <= 0) return 0;
    slot &= 0xffff;
    const pin = this.pin(slot);
    let want = min(min(k, PREFERENCE_MAX - 1) + i32(pin >= 0), out.length);
    if (zoneLen <= 0 && want <= CACHED) {
      want = min(want, this.routable);
      let list = this.cached(slot);
      for (let i = 0; i < want; i++, list >>= 16) unchecked((out[i] = <u16>list));
      return want;
    }
    const n = this.list(slot, want, pin, zonePtr, zoneLen);
    for (let i = 0; i < n; i++) unchecked((out[i] = load<u16>(listed + (<usize>i << 1))));
    return n;
  }

  /** The first four of the unzoned list, packed; unused places hold NO_SERVER. */
  // @ts-ignore: decorator
  @inline
  private cached(slot: u32): u64 {
    const lists = changetype<usize>(this.lists);
    const list: u64 = lists != 0 ? load<u64>(lists + (<usize>slot << 3)) : 0;
    return list != 0 ? list : this.look(slot);
  }

  private look(slot: u32): u64 {
    const n = this.list(slot, CACHED, this.pin(slot), 0, 0);
    for (let i = n; i < CACHED; i++) store<u16>(listed + (<usize>i << 1), NO_SERVER);
    const list = load<u64>(listed);
    unchecked((this.makeTable()[slot] = list));
    return list;
  }

  /** Writes the pin and the best bidders, `want` in all, to `listed`; returns how many there are. */
  private list(slot: u32, want: i32, pin: i32, zonePtr: usize, zoneLen: i32): i32 {
    let n = 0;
    if (pin >= 0) {
      store<u16>(listed, <u16>pin);
      n = 1;
    }
    if (zoneLen <= 0) return this.rank(slot, n, want, pin, ZONE_ANY, 0, 0);
    n = this.rank(slot, n, want, pin, ZONE_SAME, zonePtr, zoneLen);
    // All of a zone may be gone before anybody has said so.
    const kept = n == want && want - i32(pin >= 0) > 2 ? n - 1 : n;
    return max(n, this.rank(slot, kept, want, pin, ZONE_OTHER, zonePtr, zoneLen));
  }

  /**
   * Appends the best bidders to the `n` already listed, up to `want`. Among servers of one weight the largest h has
   * the smallest bid, so logarithms are taken only of each weight's best few.
   */
  private rank(slot: u32, n: i32, want: i32, skip: i32, zone: i32, zonePtr: usize, zoneLen: i32): i32 {
    const room = want - n;
    if (room <= 0) return n;
    const point = slotPoint(slot);
    const keys = changetype<usize>(this.keys);
    const bidders = changetype<usize>(this.bidders);
    let key = keys;
    let ranked = 0;
    for (let c = 0; c < this.classCount; c++) {
      const weight = unchecked(this.classes[c]) >> 16;
      const end = <i32>(unchecked(this.classes[c]) & 0xffff);
      let best = 0;
      let least: u64 = 0;
      for (const last = keys + (<usize>end << 3); key < last; key += 8) {
        const h = bidHash(point, load<u64>(key));
        if (h <= least) continue; // an equal h means a later ID: it loses the tie
        const index = <i32>load<u16>(bidders + ((key - keys) >> 2));
        if (index == skip) continue;
        if (zone != ZONE_ANY && this.inZone(index, zonePtr, zoneLen) != (zone == ZONE_SAME)) continue;
        if (best < room) best++;
        insertHash(best, h, index);
        if (best == room) least = load<u64>(classHash + (<usize>(best - 1) << 3));
      }
      for (let i = 0; i < best; i++) {
        const h = load<u64>(classHash + (<usize>i << 3));
        const index = load<u32>(classPlace + (<usize>i << 2));
        if (!insertBid(ranked, room, logBid(h), weight, h, index)) break;
        if (ranked < room) ranked++;
      }
    }
    for (let i = 0; i < ranked; i++) {
      store<u16>(listed + (<usize>(n + i) << 1), <u16>load<u32>(topIndex + (<usize>i << 2)));
    }
    return n + ranked;
  }

  private inZone(i: i32, ptr: usize, len: i32): bool {
    return this.zoneLen(i) == len && memory.compare(this.zonePtr(i), ptr, <usize>len) == 0;
  }
}

/** Puts (h, index) among the first `size` of its class, by falling h; the last of them drops out. */
function insertHash(size: i32, h: u64, index: i32): void {
  let i = size - 1;
  for (; i > 0; i--) {
    const above = load<u64>(classHash + (<usize>(i - 1) << 3));
    if (above >= h) break;
    store<u64>(classHash + (<usize>i << 3), above);
    store<u32>(classPlace + (<usize>i << 2), load<u32>(classPlace + (<usize>(i - 1) << 2)));
  }
  store<u64>(classHash + (<usize>i << 3), h);
  store<u32>(classPlace + (<usize>i << 2), index);
}

/** Puts a bid among the `size` best so far, at most `room`; false if it is no better than any and there is no room. */
function insertBid(size: i32, room: i32, log: u64, weight: u32, h: u64, index: u32): bool {
  let i = size;
  for (; i > 0; i--) {
    const above = <usize>(i - 1);
    if (
      !beats(
        log, weight, h, index,
        load<u64>(topLog + (above << 3)), load<u32>(topWeight + (above << 2)),
        load<u64>(topHash + (above << 3)), load<u32>(topIndex + (above << 2)),
      )
    ) break;
    if (i < room) copyBid(above, <usize>i);
  }
  if (i >= room) return false;
  store<u64>(topLog + (<usize>i << 3), log);
  store<u64>(topHash + (<usize>i << 3), h);
  store<u32>(topWeight + (<usize>i << 2), weight);
  store<u32>(topIndex + (<usize>i << 2), index);
  return true;
}

function copyBid(from: usize, to: usize): void {
  store<u64>(topLog + (to << 3), load<u64>(topLog + (from << 3)));
  store<u64>(topHash + (to << 3), load<u64>(topHash + (from << 3)));
  store<u32>(topWeight + (to << 2), load<u32>(topWeight + (from << 2)));
  store<u32>(topIndex + (to << 2), load<u32>(topIndex + (from << 2)));
}

/** Bytewise order of two strings: negative, 0 or positive. */
export function compareBytes(a: usize, aLen: i32, b: usize, bLen: i32): i32 {
  const order = memory.compare(a, b, <usize>min(aLen, bLen));
  return order != 0 ? order : aLen - bLen;
}
