/**
 * SipHash over raw memory: 1-3 places IDs and servers on the ring, 2-4 seals the topology document.
 * Allocates nothing and reads exactly `len` bytes.
 */

// @ts-ignore: decorator
@inline
function sipHash(ptr: usize, len: i32, k0: u64, k1: u64, compressions: i32, finals: i32): u64 {
  let v0: u64 = k0 ^ 0x736f6d6570736575;
  let v1: u64 = k1 ^ 0x646f72616e646f6d;
  let v2: u64 = k0 ^ 0x6c7967656e657261;
  let v3: u64 = k1 ^ 0x7465646279746573;
  const words = ptr + <usize>(len & ~7);

  // The last word is what is left over, with the length's low byte on top.
  let last: u64 = <u64>len << 56;
  for (let i = 0, left = len & 7; i < left; i++) last |= <u64>load<u8>(words + i) << (i << 3);

  let word: u64 = 0;
  for (let at = ptr; at <= words; at += 8) {
    word = at < words ? load<u64>(at) : last;
    v3 ^= word;
    for (let round = 0; round < compressions; round++) {
      v0 += v1; v1 = rotl(v1, 13) ^ v0; v0 = rotl(v0, 32);
      v2 += v3; v3 = rotl(v3, 16) ^ v2;
      v0 += v3; v3 = rotl(v3, 21) ^ v0;
      v2 += v1; v1 = rotl(v1, 17) ^ v2; v2 = rotl(v2, 32);
    }
    v0 ^= word;
  }

  v2 ^= 0xff;
  for (let round = 0; round < finals; round++) {
    v0 += v1; v1 = rotl(v1, 13) ^ v0; v0 = rotl(v0, 32);
    v2 += v3; v3 = rotl(v3, 16) ^ v2;
    v0 += v3; v3 = rotl(v3, 21) ^ v0;
    v2 += v1; v1 = rotl(v1, 17) ^ v2; v2 = rotl(v2, 32);
  }
  return v0 ^ v1 ^ v2 ^ v3;
}

/** SipHash-1-3 of `len` ≥ 0 bytes at `ptr`; `k0` and `k1` are the key's halves, little-endian. */
export function sipHash13(ptr: usize, len: i32, k0: u64, k1: u64): u64 {
  return sipHash(ptr, len, k0, k1, 1, 3);
}

/** SipHash-2-4 of `len` ≥ 0 bytes at `ptr`; `k0` and `k1` are the key's halves, little-endian. */
export function sipHash24(ptr: usize, len: i32, k0: u64, k1: u64): u64 {
  return sipHash(ptr, len, k0, k1, 2, 4);
}
