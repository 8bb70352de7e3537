import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { loadRingModule, type RingModule, type RingView } from "../../services/ring/ring.ts";
import { sealTopology } from "../../services/ring/seal.ts";
import { parseKey } from "../../services/ring/key.ts";
import { RingWasm } from "../../services/ring/wasm.ts";
import { SLOTS } from "../../services/ring/topology.ts";
import { goldenKey, goldenKeyBytes, goldenRing, model, poolArbitrary, sipHash24Vector, slotsOf, type ModelPool } from "./index.ts";

const seed = Number(process.env["RINGWAY_SEED"] ?? Date.now() % 2 ** 31);
console.log(`ring vectors: RINGWAY_SEED=${seed}`);

let ring: RingModule;
let wasm: RingWasm;
beforeAll(async () => {
  ring = await loadRingModule(goldenKey);
  wasm = await RingWasm.load(parseKey(goldenKey));
});

const empty: ModelPool = { servers: [], pins: [] };
function channelView(pool: ModelPool): RingView {
  return sealTopology(ring, { epoch: 1, pools: { channel: pool, presence: empty, gateway: empty } }).view;
}
const ids = (servers: readonly { id: string }[]): string[] => servers.map((server) => server.id);

describe("golden vectors", () => {
  test("SipHash-2-4 gives the paper's vector, in the wasm and in the model", () => {
    expect(ring.sipHash24(sipHash24Vector.input)).toBe(sipHash24Vector.hash);
    expect(model.sipHash(2, 4, goldenKeyBytes, sipHash24Vector.input)).toBe(sipHash24Vector.hash);
  });

  test("a channel has the hash, slot, owner and second that the design gives", () => {
    const { id, hash, slot, owner, second } = goldenRing.channel;
    const view = channelView({ servers: goldenRing.servers, pins: [] });
    expect(ring.sipHash13(new TextEncoder().encode(id))).toBe(hash);
    expect(ring.slotOf(id)).toBe(slot);
    expect(model.slotOf(goldenKeyBytes, id)).toBe(slot);
    expect(view.owner("channel", id)?.id).toBe(owner);
    expect(ids(view.preference("channel", id)).slice(0, 2)).toEqual([owner, second]);
    expect(model.preference(goldenKeyBytes, { servers: goldenRing.servers, pins: [] }, slot, 2)).toEqual([owner, second]);
  });

  test("the table of all slots has the digest that the design gives, in the wasm and in the model", () => {
    const pool = { servers: goldenRing.servers, pins: [] };
    expect(channelView(pool).tableDigest("channel")).toBe(goldenRing.tableDigest);
    expect(model.tableDigest(goldenKeyBytes, pool)).toBe(goldenRing.tableDigest);
  });
});

describe("ring.wasm agrees with the model", () => {
  test("on both SipHashes of any bytes under any key", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.uint8Array({ maxLength: 300 }), async (key, bytes) => {
        const other = await loadRingModule(Buffer.from(key).toString("hex"));
        expect(other.sipHash13(bytes)).toBe(model.sipHash(1, 3, key, bytes));
        expect(other.sipHash24(bytes)).toBe(model.sipHash(2, 4, key, bytes));
      }),
      { seed, numRuns: 60 },
    );
  });

  test("on the slot of any text, however long or far from ASCII", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 200 }), fc.string({ unit: "grapheme", maxLength: 70 })), (id) => {
        expect(ring.slotOf(id)).toBe(model.slotOf(goldenKeyBytes, id));
      }),
      { seed, numRuns: 500 },
    );
  });

  test("on the logarithm at every entry of the table and at the ends", () => {
    for (let i = 0n; i < 1024n; i++) {
      for (const h of [(1024n + i) << 53n, ((1024n + i) << 53n) + 1n, ((1025n + i) << 53n) - 1n]) {
        const exact = model.bid(BigInt.asUintN(64, h));
        expect(wasm.exports.bid(BigInt.asUintN(64, h))).toBe(exact);
      }
    }
    for (let z = 0n; z < 64n; z++) {
      for (const h of [1n << z, (1n << (z + 1n)) - 1n]) expect(wasm.exports.bid(h)).toBe(model.bid(h));
    }
    expect(model.bid(0n)).toBe(64n << 40n);
    expect(model.bid((1n << 64n) - 1n)).toBeGreaterThan(0n);
  });

  test("on which of two bids wins, ties included", () => {
    const h = fc.bigInt({ min: 1n, max: (1n << 64n) - 1n });
    const weight = fc.integer({ min: 1, max: 65_535 });
    const near = fc.tuple(h, fc.bigInt({ min: 0n, max: 0xffffn })).map(([a, low]) => [a, (a & ~0xffffn) | low || 1n] as const);
    const powers = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 }));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.tuple(h, weight, h, weight),
          fc.tuple(near, weight).map(([[a, b], w]) => [a, w, b, w] as const),
          h.chain((a) => weight.map((w) => [a, w, a, w] as const)),
          // log2 of 2^-(n) is n: equal bids of unequal weights
          powers.map(([a, b]) => [1n << BigInt(64 - 2 ** a), 2 ** a, 1n << BigInt(64 - 2 ** b), 2 ** b] as const),
        ),
        fc.boolean(),
        ([hA, wA, hB, wB], aFirst) => {
          const [a, b] = aFirst ? [0, 1] : [1, 0];
          const wins = wasm.exports.beats(BigInt.asIntN(64, hA), wA, a, BigInt.asIntN(64, hB), wB, b) !== 0;
          expect(wins).toBe(model.beats(hA, wA, `s${a}`, hB, wB, `s${b}`));
        },
      ),
      { seed, numRuns: 2000 },
    );
  });

  test("on the lists of random pools with weights, states, pins and zones", () => {
    fc.assert(
      fc.property(poolArbitrary(), fc.integer({ min: 1, max: 15 }), fc.constantFrom("", "a", "ab", "abc", "nowhere"), (pool, k, zone) => {
        const topology = { channel: empty, presence: empty, gateway: pool };
        const view = sealTopology(ring, { epoch: 7, pools: topology }).view;
        for (const slot of slotsOf(pool)) {
          expect(ids(view.preferenceOfSlot("gateway", slot, k, zone))).toEqual(
            model.preference(goldenKeyBytes, pool, slot, k, zone),
          );
          expect(view.ownerOfSlot("gateway", slot)?.id).toBe(model.preference(goldenKeyBytes, pool, slot, 1)[0]);
        }
        view.dispose();
      }),
      { seed, numRuns: 120 },
    );
  });

  test("on servers whose IDs are as long as they may be and differ in the last byte only", () => {
    const servers = goldenRing.servers.map((server, i) => ({ ...server, id: `${"x".repeat(63)}${i}` }));
    const view = channelView({ servers, pins: [] });
    for (const slot of [0, 1, 4711, 65_535]) {
      expect(ids(view.preferenceOfSlot("channel", slot, 7))).toEqual(
        model.preference(goldenKeyBytes, { servers, pins: [] }, slot, 7),
      );
    }
  });

  test("on the largest pool: 1024 servers of many weights", () => {
    const servers = Array.from({ length: 1024 }, (_, i) => ({
      id: `server-${(i * 7919) % 1024}`,
      addr: "10.1.2.3:80",
      zone: "",
      weight: (i * 64) % 65_536,
      state: "up" as const,
    }));
    const view = channelView({ servers, pins: [] });
    for (const slot of [0, 1, 4711, 65_535]) {
      expect(ids(view.preferenceOfSlot("channel", slot, 3))).toEqual(
        model.preference(goldenKeyBytes, { servers, pins: [] }, slot, 3),
      );
    }
  });
});

/** Servers that all may own slots. */
const routable = poolArbitrary(8)
  .map(({ servers }) => servers.map((server) => ({ ...server, weight: server.weight || 1, state: "up" as const })))
  .filter((servers) => servers.length >= 2);

describe("a change of members moves the least that it can", () => {
  const owners = (view: RingView): (string | undefined)[] =>
    Array.from({ length: SLOTS }, (_, slot) => view.ownerOfSlot("channel", slot)?.id);

  test("a server that leaves gives up its own slots, each to its second choice, and no other slot moves", () => {
    fc.assert(
      fc.property(routable, fc.nat(), (servers, pick) => {
        const gone = servers[pick % servers.length]?.id;
        const before = channelView({ servers, pins: [] });
        const after = channelView({ servers: servers.filter((server) => server.id !== gone), pins: [] });
        const now = owners(after);
        const astray = owners(before).filter((owner, slot) => {
          const heir = owner === gone ? before.preferenceOfSlot("channel", slot, 2)[1]?.id : owner;
          return now[slot] !== heir;
        });
        expect(astray).toEqual([]);
        expect(before.moved(after, "channel")).toBe(owners(before).filter((owner) => owner === gone).length);
      }),
      { seed, numRuns: 4 },
    );
  });

  test("draining, down and weight 0 are all as good as gone", () => {
    const [first, ...rest] = goldenRing.servers;
    if (first === undefined) throw new Error("no servers");
    const gone = channelView({ servers: rest, pins: [] });
    for (const change of [{ state: "draining" as const }, { state: "down" as const }, { weight: 0 }]) {
      const view = channelView({ servers: [{ ...first, ...change }, ...rest], pins: [[1, first.id]] });
      expect(view.moved(gone, "channel")).toBe(0);
      expect(view.server("channel", first.id)).toEqual({ ...first, ...change });
    }
  });

  test("a greater weight only draws slots to that server, and a smaller one only sends them away", () => {
    fc.assert(
      fc.property(routable, fc.nat(), fc.integer({ min: 1, max: 65_535 }), (servers, pick, weight) => {
        const index = pick % servers.length;
        const changed = servers[index];
        if (changed === undefined) return;
        const before = owners(channelView({ servers, pins: [] }));
        const after = owners(channelView({ servers: servers.with(index, { ...changed, weight }), pins: [] }));
        const strays = before.filter((owner, slot) => {
          const now = after[slot];
          return owner !== now && (weight > changed.weight ? now : owner) !== changed.id;
        });
        expect(strays).toEqual([]);
      }),
      { seed, numRuns: 6 },
    );
  });

  test("servers own slots in proportion to their weights, within 5 %", () => {
    const view = channelView({ servers: goldenRing.servers, pins: [] });
    const total = goldenRing.servers.reduce((sum, server) => sum + server.weight, 0);
    for (const { id, weight } of goldenRing.servers) {
      const share = owners(view).filter((owner) => owner === id).length / SLOTS;
      expect(share / (weight / total)).toBeGreaterThan(0.95);
      expect(share / (weight / total)).toBeLessThan(1.05);
    }
  });
});

describe("pins", () => {
  test("a pin goes first and the bidders follow without it", () => {
    const plain = channelView({ servers: goldenRing.servers, pins: [] });
    const list = ids(plain.preferenceOfSlot("channel", 46_434, 4));
    const third = list[2] ?? "";
    const view = channelView({ servers: goldenRing.servers, pins: [[46_434, third]] });
    expect(ids(view.preferenceOfSlot("channel", 46_434))).toEqual([third, list[0], list[1], list[3]]);
    expect(view.moved(plain, "channel")).toBe(1);
  });

  test("a pin to a server that isn't there counts for nothing", () => {
    const plain = channelView({ servers: goldenRing.servers, pins: [] });
    const view = channelView({ servers: goldenRing.servers, pins: [[46_434, "nobody"]] });
    expect(view.moved(plain, "channel")).toBe(0);
    expect(view.preferenceOfSlot("channel", 46_434)).toHaveLength(3);
  });
});
