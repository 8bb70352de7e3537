import { expect, test } from "vitest";
import { DEV_KEY, KeyError, parseKey } from "./key.ts";
import { loadRingModule, type RingModule } from "./ring.ts";
import { sealTopology, sealTopologyInTurns, type Sealed } from "./seal.ts";
import { TopologyError, type Server } from "./topology.ts";

const none = { servers: [], pins: [] };
function seal(module: RingModule, epoch: number, servers: number): Sealed {
  const list = Array.from(
    { length: servers },
    (_, i): Server => ({ id: `cs-${i}`, addr: `127.0.0.1:${7001 + i}`, zone: i % 2 === 0 ? "a" : "b", weight: 100, state: "up" }),
  );
  return sealTopology(module, { epoch, pools: { channel: { servers: list, pins: [] }, presence: none, gateway: none } });
}

test("a cluster key is 32 hex digits, and a refusal does not repeat it", () => {
  expect(parseKey(DEV_KEY)).toEqual({ k0: 0x0706050403020100n, k1: 0x0f0e0d0c0b0a0908n });
  expect(() => parseKey("0123secret")).toThrow(KeyError);
  expect(() => parseKey("0123secret")).not.toThrow(/secret/);
});

test("a view stays as it was while newer ones come, and disposing one leaves the others alone", async () => {
  const module = await loadRingModule(DEV_KEY);
  const ids = Array.from({ length: 200 }, (_, i) => `C${i}`);
  const first = seal(module, 1, 3).view;
  const expected = ids.map((id) => first.preference("channel", id).map((server) => server.id));
  const fresh = seal(await loadRingModule(DEV_KEY), 1, 3).view;
  for (let epoch = 2; epoch < 60; epoch++) seal(module, epoch, epoch).view.dispose();
  expect(ids.map((id) => first.preference("channel", id).map((server) => server.id))).toEqual(expected);
  expect(ids.map((id) => fresh.preference("channel", id).map((server) => server.id))).toEqual(expected);
  first.dispose();
  first.dispose();
  expect(() => first.preference("channel", "C1")).toThrow("disposed");
  expect(seal(module, 99, 3).view.preference("channel", "C1").map((server) => server.id)).toEqual(expected[1]);
});

test("a pool without servers has no owner and empty lists", async () => {
  const view = seal(await loadRingModule(DEV_KEY), 1, 3).view;
  expect(view.owner("gateway", "U1")).toBeUndefined();
  expect(view.preference("gateway", "U1", 3, "a")).toEqual([]);
  expect(view.server("gateway", "cs-1")).toBeUndefined();
});

test("a zone's servers go first, the last of three places is another zone's, and a zone nobody is in changes nothing", async () => {
  const view = seal(await loadRingModule(DEV_KEY), 1, 7).view;
  const plain = view.preference("channel", "C1", 7);
  const zoned = view.preference("channel", "C1", 7, "b");
  expect(zoned).toEqual([...plain.filter((server) => server.zone === "b"), ...plain.filter((server) => server.zone === "a")]);
  expect(view.preference("channel", "C1", 3, "b")).toEqual([...zoned.slice(0, 2), plain.find((server) => server.zone === "a")]);
  expect(view.preference("channel", "C1", 2, "b")).toEqual(zoned.slice(0, 2));
  expect(view.preference("channel", "C1", 7, "é".repeat(100))).toEqual(plain);
});

test("text or bytes larger than the input area are refused, not cut", async () => {
  const module = await loadRingModule(DEV_KEY);
  expect(() => module.slotOf("x".repeat(256 * 1024 + 1))).toThrow(RangeError);
  expect(() => module.sipHash24(new Uint8Array(256 * 1024 + 1))).toThrow(RangeError);
});

test("a document of another key, or with another table's digest, is refused", async () => {
  const module = await loadRingModule(DEV_KEY);
  const { topology } = seal(module, 1, 3);
  await expect(module.buildVerified(topology)).resolves.toMatchObject({ epoch: 1 });
  expect(() => module.build({ ...topology, keyId: "00000000" })).toThrow(TopologyError);
  const channel = { ...topology.pools.channel, tableDigest: "0000000000000000" };
  await expect(module.buildVerified({ ...topology, pools: { ...topology.pools, channel } })).rejects.toMatchObject({
    reason: "digest_mismatch",
    path: "pools.channel.tableDigest",
  });
});

test.each<[string, (servers: readonly Server[]) => readonly Server[], [number, string][]]>([
  ["nothing", (servers) => servers, []],
  ["an address", ([first, ...rest]) => [{ ...first!, addr: "127.0.0.1:9999" }, ...rest], []],
  ["a weight", ([first, ...rest]) => [{ ...first!, weight: 99 }, ...rest], []],
  ["a state", ([first, ...rest]) => [{ ...first!, state: "down" }, ...rest], []],
  ["an ID", ([first, ...rest]) => [{ ...first!, id: "cs-x" }, ...rest], []],
  ["a pin", (servers) => servers, [[7, "cs-2"]]],
])("a view that takes tables over from one that differs by %s is what the ring gives", async (_, change, pins) => {
  const module = await loadRingModule(DEV_KEY);
  const before = seal(module, 1, 3);
  const pools = { ...before.topology.pools, channel: { servers: change(before.topology.pools.channel.servers), pins } };
  const fresh = sealTopology(module, { epoch: 2, pools });
  before.view.dispose();
  const view = await module.buildVerified(fresh.topology, before.view);
  expect((await sealTopologyInTurns(module, { epoch: 2, pools }, before.view)).topology).toEqual(fresh.topology);
  for (let slot = 0; slot < 65_536; slot += 13) expect(view.ownerOfSlot("channel", slot)).toEqual(fresh.view.ownerOfSlot("channel", slot));
  // What is taken over is checked like the rest.
  const channel = { ...fresh.topology.pools.channel, tableDigest: "0000000000000000" };
  await expect(module.buildVerified({ ...fresh.topology, pools: { ...fresh.topology.pools, channel } }, before.view)).rejects.toMatchObject({ reason: "digest_mismatch" });
});
