import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { parseKey } from "../../services/ring/key.ts";
import { loadRingModule, type RingModule } from "../../services/ring/ring.ts";
import { sealTopology } from "../../services/ring/seal.ts";
import { encodeTopologyBinary } from "../../services/ring/topology.ts";
import { RingWasm } from "../../services/ring/wasm.ts";
import { goldenKey, goldenKeyBytes, goldenRing, goldenTopology, model, poolArbitrary } from "./index.ts";

const seed = Number(process.env["RINGWAY_SEED"] ?? Date.now() % 2 ** 31);
console.log(`topology decode: RINGWAY_SEED=${seed}`);

let ring: RingModule;
let wasm: RingWasm;
let sound: Uint8Array;
beforeAll(async () => {
  ring = await loadRingModule(goldenKey);
  wasm = await RingWasm.load(parseKey(goldenKey));
  const gateway = { servers: goldenRing.servers.map((server) => ({ ...server, zone: "a" })), pins: [] };
  sound = sealTopology(ring, {
    epoch: 9,
    pools: {
      channel: { servers: goldenRing.servers, pins: [[5, "cs-1"], [77, "cs-6"]] },
      presence: { servers: [], pins: [] },
      gateway,
    },
  }).binary;
});

/** The bytes with a right digest at their end, as a sender with the key but with other ideas would make them. */
function reseal(bytes: Uint8Array): Uint8Array {
  const out = Buffer.from(bytes);
  out.writeBigUInt64LE(model.sipHash(2, 4, goldenKeyBytes, out.subarray(0, -8)), out.length - 8);
  return out;
}

/** `sound` with `bytes` written at `at`, resealed. */
function altered(at: number, ...bytes: number[]): Uint8Array {
  const out = Uint8Array.from(sound);
  out.set(bytes, at);
  return reseal(out);
}

test("the binary form is, byte for byte, what its description says", () => {
  const { binary, json } = sealTopology(ring, goldenTopology.draft);
  expect(Buffer.from(binary).toString("hex")).toBe(goldenTopology.binaryHex);
  expect(new TextDecoder().decode(json)).toBe(goldenTopology.json);
});

describe("decoding refuses, with a reason", () => {
  test("a document cut short anywhere", () => {
    for (let length = 0; length < sound.length; length++) {
      expect(ring.check(sound.subarray(0, length))).toBe(length < 40 ? "too_short" : "digest");
      if (length >= 40) expect(ring.check(reseal(sound.subarray(0, length)))).toBe("truncated");
    }
  });

  test("a document with any one bit flipped", () => {
    for (let bit = 0; bit < 8 * sound.length; bit++) {
      const flipped = Uint8Array.from(sound);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(ring.check(flipped)).not.toBe("none");
    }
  });

  test("a document under another key, and names the key as the reason", async () => {
    const other = await loadRingModule("ff".repeat(16));
    expect(other.check(sound)).toBe("key");
    expect(other.keyId).not.toBe(ring.keyId);
  });

  test("each rule that a sealed document can break", () => {
    const firstServer = 24;
    const record = 6 + 4 + 14;
    const pins = firstServer + 7 * record;
    expect(ring.check(sound)).toBe("none");
    expect(ring.check(altered(0, 0x58))).toBe("magic");
    expect(ring.check(altered(4, 2))).toBe("version");
    expect(ring.check(altered(6, 1))).toBe("version");
    expect(ring.check(altered(8, 0, 0, 0, 0, 0, 0, 0x20, 0))).toBe("epoch");
    expect(ring.check(altered(8, 0, 0, 0, 0, 0, 0, 0, 0))).toBe("epoch");
    expect(ring.check(altered(16, 0))).toBe("key");
    expect(ring.check(altered(20, 0x01, 0x04))).toBe("servers");
    expect(ring.check(altered(20, 0x00, 0x04))).not.toBe("none");
    expect(ring.check(altered(22, 0x01, 0x10))).toBe("pins");
    expect(ring.check(altered(22, 0x00, 0x10))).toBe("truncated");
    expect(ring.check(altered(firstServer, 0))).toBe("id");
    expect(ring.check(altered(firstServer + 6, 0x20))).toBe("id");
    expect(ring.check(altered(firstServer + 1, 0))).toBe("addr");
    expect(ring.check(altered(firstServer + 6 + 4, 0x2c))).toBe("addr");
    expect(ring.check(altered(firstServer + 3, 3))).toBe("state");
    expect(ring.check(altered(firstServer + 6 + 3, 0x31))).toBe("order");
    expect(ring.check(altered(firstServer + 6 + 3, 0x39))).toBe("order");
    expect(ring.check(altered(pins + 2, 7))).toBe("pin");
    expect(ring.check(altered(pins, 77))).toBe("pin");
    expect(ring.check(reseal(Buffer.concat([sound, Buffer.alloc(4)])))).toBe("trailing");
  });

  test("an ID, an address or a zone of 65 bytes, and takes 64", () => {
    const [server] = goldenRing.servers;
    if (server === undefined) throw new Error("no servers");
    const { topology } = sealTopology(ring, goldenTopology.draft);
    const withServer = (change: Partial<typeof server>): string => {
      const channel = { servers: [{ ...server, ...change }], pins: [], tableDigest: "" };
      return ring.check(encodeTopologyBinary({ ...topology, pools: { ...topology.pools, channel } }, ring.sipHash24));
    };
    expect(withServer({ id: "x".repeat(64), addr: "x".repeat(64), zone: "x".repeat(64) })).toBe("none");
    expect(withServer({ id: "x".repeat(65) })).toBe("id");
    expect(withServer({ addr: "x".repeat(65) })).toBe("addr");
    expect(withServer({ zone: "x".repeat(65) })).toBe("zone");
  });

  test("any byte but visible ASCII without the comma, wherever it stands in an ID, an address or a zone of any length", () => {
    const { topology } = sealTopology(ring, goldenTopology.draft);
    for (const [field, at] of [["id", 0], ["addr", 1], ["zone", 2]] as const) {
      for (let length = 1; length <= 17; length++) {
        const texts = { id: "i", addr: "a", zone: "z", [field]: "~".repeat(length) };
        const channel = { servers: [{ ...texts, weight: 1, state: "up" as const }], pins: [], tableDigest: "" };
        const binary = encodeTopologyBinary({ ...topology, pools: { ...topology.pools, channel } }, ring.sipHash24);
        const place = 24 + 6 + at + length - 1;
        for (let byte = 0; byte < 256; byte++) {
          binary[place] = byte;
          const allowed = byte > 0x20 && byte < 0x7f && byte !== 0x2c;
          expect([byte, length, ring.check(reseal(binary))]).toEqual([byte, length, allowed ? "none" : field]);
        }
        for (let other = 0; other < length; other++) {
          const one = Buffer.from(encodeTopologyBinary({ ...topology, pools: { ...topology.pools, channel } }, ring.sipHash24));
          for (const byte of [0x00, 0x20, 0x2c, 0x7f, 0x80, 0xff]) {
            one[24 + 6 + at + other] = byte;
            expect(ring.check(reseal(one))).toBe(field);
          }
        }
      }
    }
  });

  test("a document larger than 256 KiB, and none of 256 KiB for its size alone", () => {
    expect(ring.check(new Uint8Array(256 * 1024 + 1))).toBe("too_long");
    expect(ring.check(reseal(Buffer.concat([sound, Buffer.alloc(256 * 1024 - sound.length)])))).toBe("trailing");
  });

  test("random bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4096 }), (bytes) => {
        expect(ring.check(bytes)).not.toBe("none");
        const headed = Uint8Array.from(bytes);
        headed.set(sound.subarray(0, Math.min(20, headed.length)));
        if (headed.length >= 40) expect(ring.check(reseal(headed))).not.toBe("key");
      }),
      { seed, numRuns: 1000 },
    );
  });
});

test("whatever a sealed document says, decoding and looking up never trap", () => {
  const edits = fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0xff))), { minLength: 1, maxLength: 6 });
  let taken = 0;
  fc.assert(
    fc.property(edits, fc.nat(65_535), fc.integer({ min: -1, max: 100 }), (changes, slot, k) => {
      const bytes = Uint8Array.from(sound);
      for (const [at, value] of changes) bytes[20 + (at % (bytes.length - 28))] = value;
      const topology = wasm.exports.decode(wasm.putBytes(reseal(bytes)));
      wasm.refresh();
      if (topology === 0) {
        expect(wasm.exports.topologyError()).toBeGreaterThan(0);
        return;
      }
      taken++;
      wasm.exports.__pin(topology);
      for (let pool = -1; pool < 4; pool++) {
        expect(wasm.exports.owner(topology, pool, slot)).toBeLessThan(1024);
        const named = wasm.exports.preference(topology, pool, slot, k, wasm.putText("a"));
        expect(named).toBeLessThanOrEqual(Math.max(0, Math.min(k, 15)) + 1);
        expect(new Set(wasm.output.subarray(0, named)).size).toBe(named);
      }
      wasm.exports.__unpin(topology);
    }),
    { seed, numRuns: 3000 },
  );
  expect(taken).toBeGreaterThan(0);
});

test("both forms of a random topology say the same to the ring", () => {
  fc.assert(
    fc.property(poolArbitrary(), poolArbitrary(), poolArbitrary(), (channel, presence, gateway) => {
      const { view, binary } = sealTopology(ring, { epoch: 1, pools: { channel, presence, gateway } });
      const topology = wasm.exports.decode(wasm.putBytes(binary));
      wasm.refresh();
      wasm.exports.__pin(topology);
      for (const [number, pool] of (["channel", "presence", "gateway"] as const).entries()) {
        const index = wasm.exports.owner(topology, number, 4711);
        expect(view.ownerOfSlot(pool, 4711)).toBe(view.servers(pool)[index]);
        const named = wasm.exports.preference(topology, number, 4711, 3, 0);
        expect(Array.from(wasm.output.subarray(0, named), (i) => view.servers(pool)[i])).toEqual(
          view.preferenceOfSlot(pool, 4711, 3),
        );
      }
      wasm.exports.__unpin(topology);
      view.dispose();
    }),
    { seed, numRuns: 20 },
  );
});

test("a thousand new topologies do not make the memory grow", () => {
  const size = (): number => wasm.exports.memory.buffer.byteLength;
  const turn = (): void => {
    const topology = wasm.exports.decode(wasm.putBytes(sound));
    wasm.refresh();
    wasm.exports.__pin(topology);
    wasm.exports.owner(topology, 0, 1);
    wasm.exports.__unpin(topology);
    wasm.exports.__collect();
  };
  for (let i = 0; i < 20; i++) turn();
  const before = size();
  for (let i = 0; i < 1000; i++) turn();
  expect(size()).toBe(before);
});
