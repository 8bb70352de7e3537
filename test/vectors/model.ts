/**
 * The ring of DESIGN section 3 once more, as plainly as it can be said, in exact arithmetic. Slow; the referee of both
 * binaries. Shares no code with them.
 */
import type { Server } from "../../services/protocol/topology.ts";

const U64 = (1n << 64n) - 1n;

export interface ModelPool {
  readonly servers: readonly Server[];
  readonly pins: readonly (readonly [number, string])[];
}

/** SipHash-c-d of `bytes` under a 16-byte key. */
export function sipHash(c: number, d: number, key: Uint8Array, bytes: Uint8Array): bigint {
  const k0 = littleEndian(key.subarray(0, 8));
  const k1 = littleEndian(key.subarray(8, 16));
  const v = [k0 ^ 0x736f6d6570736575n, k1 ^ 0x646f72616e646f6dn, k0 ^ 0x6c7967656e657261n, k1 ^ 0x7465646279746573n] as [
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  const rounds = (n: number): void => {
    for (let i = 0; i < n; i++) {
      v[0] = (v[0] + v[1]) & U64;
      v[1] = rotate(v[1], 13n) ^ v[0];
      v[0] = rotate(v[0], 32n);
      v[2] = (v[2] + v[3]) & U64;
      v[3] = rotate(v[3], 16n) ^ v[2];
      v[0] = (v[0] + v[3]) & U64;
      v[3] = rotate(v[3], 21n) ^ v[0];
      v[2] = (v[2] + v[1]) & U64;
      v[1] = rotate(v[1], 17n) ^ v[2];
      v[2] = rotate(v[2], 32n);
    }
  };
  const padded = new Uint8Array(8 * (Math.floor(bytes.length / 8) + 1));
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length & 255;
  for (let at = 0; at < padded.length; at += 8) {
    const word = littleEndian(padded.subarray(at, at + 8));
    v[3] ^= word;
    rounds(c);
    v[0] ^= word;
  }
  v[2] ^= 0xffn;
  rounds(d);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/** The slot of a channel's or user's ID. */
export function slotOf(key: Uint8Array, id: string): number {
  return Number(sipHash(1, 3, key, new TextEncoder().encode(id)) >> 48n);
}

/** floor(2^40 * log2(1 + i/1024)) for i = 0..1024, from 256-bit squarings. */
export const logTable: readonly bigint[] = Array.from({ length: 1025 }, (_, i) => {
  if (i === 1024) return 1n << 40n;
  let x = BigInt(1024 + i) << 246n; // 1 = 2^256
  let log = 0n;
  for (let digit = 0; digit < 40; digit++) {
    x = (x * x) >> 256n;
    log <<= 1n;
    if (x >> 257n !== 0n) {
      log |= 1n;
      x >>= 1n;
    }
  }
  return log;
});

/** -log2(h / 2^64) in Q40; h = 0 is read as 1. */
export function bid(hash: bigint): bigint {
  const h = hash === 0n ? 1n : hash;
  const z = BigInt(64 - h.toString(2).length);
  const x = h << z;
  const i = Number((x >> 53n) & 1023n);
  const f = (x >> 21n) & 0xffffffffn;
  const low = logTable[i] ?? 0n;
  const high = logTable[i + 1] ?? 0n;
  return ((z + 1n) << 40n) - low - (((high - low) * f) >> 32n);
}

/** The hash that a server draws on a slot. */
export function draw(key: Uint8Array, slot: number, serverId: string): bigint {
  const serverKey = sipHash(1, 3, key, new TextEncoder().encode(`s/${serverId}`));
  return mix64(mix64((BigInt(slot + 1) * 0x9e3779b97f4a7c15n) & U64) ^ serverKey);
}

/** Whether one bid beats another; IDs settle what hashes don't. */
export function beats(hA: bigint, weightA: number, idA: string, hB: bigint, weightB: number, idB: string): boolean {
  const a = bid(hA) * BigInt(weightB);
  const b = bid(hB) * BigInt(weightA);
  if (a !== b) return a < b;
  if (hA !== hB) return hA > hB;
  return Buffer.compare(Buffer.from(idA), Buffer.from(idB)) < 0;
}

/** Every server that may own the slot, best bid first. */
export function ranking(key: Uint8Array, servers: readonly Server[], slot: number): Server[] {
  return servers
    .filter((server) => server.state === "up" && server.weight > 0)
    .map((server) => ({ server, h: draw(key, slot, server.id) }))
    .sort((a, b) => (beats(a.h, a.server.weight, a.server.id, b.h, b.server.weight, b.server.id) ? -1 : 1))
    .map(({ server }) => server);
}

/** [pin?, 1st, 2nd, … kth] as IDs; the zone's servers, if one is given, before all others, which have the last of three places or more. */
export function preference(key: Uint8Array, pool: ModelPool, slot: number, k: number, zone = ""): string[] {
  const ranked = ranking(key, pool.servers, slot);
  const pinned = pool.pins.find(([at]) => at === slot)?.[1];
  const pin = ranked.filter((server) => server.id === pinned);
  const others = ranked.filter((server) => server.id !== pinned);
  const near = others.filter((server) => zone !== "" && server.zone === zone);
  const far = others.filter((server) => zone === "" || server.zone !== zone);
  const listed = k > 2 && near.length >= k && far.length > 0 ? [...near.slice(0, k - 1), far[0]!] : [...near, ...far].slice(0, k);
  return [...pin, ...listed].map((server) => server.id);
}

/** The digest of a whole pool: 65,536 slots, each with its first two servers by their place among the sorted IDs. */
export function tableDigest(key: Uint8Array, pool: ModelPool): string {
  const ids = pool.servers.map((server) => server.id).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const table = Buffer.alloc(4 * 65_536, 0xff);
  for (let slot = 0; slot < 65_536; slot++) {
    preference(key, pool, slot, 2)
      .slice(0, 2)
      .forEach((id, place) => table.writeUInt16LE(ids.indexOf(id), 4 * slot + 2 * place));
  }
  return hex(sipHash(1, 3, key, table));
}

/** A 64-bit number as 16 hex digits. */
export function hex(value: bigint): string {
  return value.toString(16).padStart(16, "0");
}

/** The finaliser of SplitMix64. */
function mix64(value: bigint): bigint {
  let z = value;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & U64;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & U64;
  return z ^ (z >> 31n);
}

function rotate(x: bigint, by: bigint): bigint {
  return ((x << by) | (x >> (64n - by))) & U64;
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}
