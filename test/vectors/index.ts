/**
 * What every build of the ring must agree with: vectors from elsewhere, the model, and random pools. `test/vectors` holds
 * ring.wasm to them, `test/filter` filter.wasm.
 */
import fc from "fast-check";
import type { Server, ServerState } from "../../services/protocol/topology.ts";
import type { ModelPool } from "./model.ts";

export * as model from "./model.ts";
export type { ModelPool } from "./model.ts";

/** The key of all vectors: bytes 00..0f. */
export const goldenKey = "000102030405060708090a0b0c0d0e0f";
export const goldenKeyBytes: Uint8Array = Uint8Array.from(Buffer.from(goldenKey, "hex"));

/** The test vector printed in the SipHash paper (appendix A): bytes 00..0e under the key 00..0f. */
export const sipHash24Vector = { input: Uint8Array.from({ length: 15 }, (_, i) => i), hash: 0xa129ca6149be45e5n } as const;

/** From an implementation of DESIGN section 3 that is independent of this one. */
export const goldenRing = {
  servers: Array.from(
    { length: 7 },
    (_, i): Server => ({ id: `cs-${i}`, addr: `127.0.0.1:${7001 + i}`, zone: "", weight: [100, 50, 200][i % 3] ?? 0, state: "up" }),
  ),
  tableDigest: "46abddd1b69ab9b2",
  channel: { id: "C024BE91L", hash: 0xb5620537ce4464f0n, slot: 46_434, owner: "cs-2", second: "cs-5" },
} as const;

/** A small topology and its two encodings, under `goldenKey`. */
export const goldenTopology = {
  draft: {
    epoch: 258,
    pools: {
      channel: {
        servers: [
          { id: "b", addr: "10.0.0.2:80", zone: "z1", weight: 513, state: "draining" },
          { id: "a", addr: "[::1]:9", zone: "", weight: 100, state: "up" },
        ] satisfies Server[],
        pins: [[771, "a"], [2, "b"], [9, "absent"]] satisfies [number, string][],
      },
      presence: { servers: [], pins: [] },
      gateway: { servers: [], pins: [] },
    },
  },
  binaryHex: [
    "52575431 0100 0000 0201000000000000 47db6f72", // "RWT1", version, zero, epoch, key ID
    "0200 0200", // channel: two servers, two pins (that to the absent server is left out)
    "01 07 00 00 6400", "61", "5b3a3a315d3a39",
    "01 0b 02 01 0102", "62", "31302e302e302e323a3830", "7a31",
    "0200 0100", "0303 0000",
    "0000 0000", // presence
    "0000 0000", // gateway
    "abe752f0f8a0900a", // SipHash-2-4 of all before it
  ].join("").replaceAll(" ", ""),
  json:
    '{"v":1,"epoch":258,"keyId":"726fdb47","digest":"0a90a0f8f052e7ab","pools":{' +
    '"channel":{"servers":[{"id":"a","addr":"[::1]:9","zone":"","weight":100,"state":"up"},' +
    '{"id":"b","addr":"10.0.0.2:80","zone":"z1","weight":513,"state":"draining"}],' +
    '"pins":[[2,"b"],[9,"absent"],[771,"a"]],"tableDigest":"92a5a5f008fc9eb9"},' +
    '"presence":{"servers":[],"pins":[],"tableDigest":"ca8708354ec8d33e"},' +
    '"gateway":{"servers":[],"pins":[],"tableDigest":"ca8708354ec8d33e"}}}',
} as const;

const idArbitrary = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
const weightArbitrary = fc.oneof(
  fc.constantFrom(1, 50, 100, 100, 100, 200, 65_535),
  fc.integer({ min: 0, max: 65_535 }),
  fc.constant(0),
);
const stateArbitrary = fc.oneof(
  { weight: 6, arbitrary: fc.constant<ServerState>("up") },
  { weight: 1, arbitrary: fc.constantFrom<ServerState>("draining", "down") },
);

/** Random pools: few and many servers, equal and wild weights, servers that own nothing, four zones, pins to the present and the absent. */
export function poolArbitrary(most = 24): fc.Arbitrary<ModelPool> {
  const servers = fc.uniqueArray(
    fc.record({
      id: fc.oneof(idArbitrary, fc.nat(99).map((n) => `s-${n}`)),
      addr: fc.nat(65_534).map((port) => `10.0.0.1:${port + 1}`),
      zone: fc.constantFrom("", "a", "ab", "zone-with-a-longer-name"),
      weight: weightArbitrary,
      state: stateArbitrary,
    }),
    { selector: (server) => server.id, maxLength: most },
  );
  return servers.chain((list) =>
    fc.record({
      servers: fc.constant(list),
      pins: fc.uniqueArray(
        fc.tuple(
          fc.oneof(fc.nat(65_535), fc.nat(15)),
          list.length === 0 ? idArbitrary : fc.oneof(idArbitrary, fc.constantFrom(...list.map((server) => server.id))),
        ),
        { selector: ([slot]) => slot, maxLength: 20 },
      ),
    }),
  );
}

/** Slots worth asking of a pool: its pinned ones, the first few, the last and some between. */
export function slotsOf(pool: ModelPool): number[] {
  return [...new Set([...pool.pins.map(([slot]) => slot), 0, 1, 2, 3, 4, 21_845, 46_434, 65_534, 65_535])];
}
