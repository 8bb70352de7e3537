/**
 * What a server bids on a slot. The bid is -log2(h / 2^64) / weight, smallest wins: weighted rendezvous
 * hashing in whole numbers, because floating-point logarithms differ between engines.
 */
import { sipHash13 } from "./siphash";

/** Longest server ID, bytes. */
export const ID_BYTES_MAX: i32 = 64;

/** The finaliser of SplitMix64: a bijection of the 64-bit words. */
// @ts-ignore: decorator
@inline
export function mix64(z: u64): u64 {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/** Where a slot stands; xor it with a server's key and mix again to get that server's `h`. */
// @ts-ignore: decorator
@inline
export function slotPoint(slot: u32): u64 {
  return mix64((<u64>slot + 1) * 0x9e3779b97f4a7c15);
}

const keyInput = memory.data(2 + 64);

/** SipHash-1-3 of "s/" and the ID: tells a server's own number from that of a channel with the same name. */
export function serverKey(id: usize, len: i32, k0: u64, k1: u64): u64 {
  store<u8>(keyInput, 0x73, 0); // "s"
  store<u8>(keyInput, 0x2f, 1); // "/"
  memory.copy(keyInput + 2, id, <usize>min(len, ID_BYTES_MAX));
  return sipHash13(keyInput, 2 + min(len, ID_BYTES_MAX), k0, k1);
}

/** T[i] = floor(2^40 * log2(1 + i/1024)), i = 0..1024. */
const logTable = memory.data(1025 * 8, 8);

/** High 64 bits of the square of `x`. */
function squareHigh(x: u64): u64 {
  const lo = x & 0xffffffff;
  const hi = x >> 32;
  const cross = lo * hi;
  const carry = ((lo * lo) >> 32) + ((cross & 0xffffffff) << 1);
  return hi * hi + ((cross >> 32) << 1) + (carry >> 32);
}

/**
 * Digit by digit: squaring a number doubles its logarithm, so each squaring shifts out one binary digit.
 * `x` is 1.63 fixed point; 40 squarings leave more than 20 correct bits below the last digit, and the
 * tests compare every entry with exact arithmetic.
 */
function fillLogTable(): void {
  for (let i = 0; i < 1024; i++) {
    let x: u64 = (<u64>(1024 + i)) << 53;
    let log: u64 = 0;
    for (let digit = 0; digit < 40; digit++) {
      x = squareHigh(x); // 2.62 fixed point now
      log <<= 1;
      if (x >> 63) log |= 1;
      else x <<= 1;
    }
    store<u64>(logTable + (<usize>i << 3), log);
  }
  store<u64>(logTable + (1024 << 3), (<u64>1) << 40);
}
fillLogTable();

/** -log2(h / 2^64) in Q40, for h ≥ 1: 1 .. 64 * 2^40, never rising with h. */
// @ts-ignore: decorator
@inline
export function logBid(h: u64): u64 {
  const z = clz(h);
  const x = h << z;
  const entry = logTable + (((<usize>(x >> 53)) & 1023) << 3);
  const f = (x >> 21) & 0xffffffff;
  const low = load<u64>(entry);
  return ((z + 1) << 40) - low - (((load<u64>(entry, 8) - low) * f) >> 32);
}

/** What a server draws on a slot: a number that is even over 1 .. 2^64 - 1. */
// @ts-ignore: decorator
@inline
export function bidHash(point: u64, key: u64): u64 {
  const h = mix64(point ^ key);
  return h != 0 ? h : 1;
}

/** Whether bid A beats bid B: smaller log/weight, then larger h, then smaller index (which is the order of IDs). */
// @ts-ignore: decorator
@inline
export function beats(logA: u64, weightA: u32, hA: u64, indexA: u32, logB: u64, weightB: u32, hB: u64, indexB: u32): bool {
  // At most 64 * 2^40 * 65535 < 2^62: the products fit.
  const a = logA * weightB;
  const b = logB * weightA;
  if (a != b) return a < b;
  if (hA != hB) return hA > hB;
  return indexA < indexB;
}
