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
      zone: fc.constantFrom("", "a", "b", "zone-with-a-longer-name"),
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
