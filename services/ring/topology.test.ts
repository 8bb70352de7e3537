import { describe, expect, test } from "vitest";
import { encodeTopologyBinary, encodeTopologyJson, parseTopology, TopologyError, validateTopology } from "./topology.ts";

const server = { id: "cs-1", addr: "10.0.0.1:7001", zone: "a", weight: 100, state: "up" };
const pool = { servers: [server], pins: [[7, "cs-1"]], tableDigest: "0123456789abcdef" };
const empty = { servers: [], pins: [], tableDigest: "0123456789abcdef" };
const doc = { v: 1, epoch: 3, keyId: "726fdb47", pools: { channel: pool, presence: empty, gateway: empty } };

/** The document with the value at a dotted path replaced. */
function withValue(path: string, value: unknown): unknown {
  const copy: unknown = structuredClone(doc);
  const keys = path.split(".");
  const last = keys.pop() ?? "";
  const holder = keys.reduce((at, key) => (at as Record<string, unknown>)[key], copy) as Record<string, unknown>;
  holder[last] = value;
  return copy;
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof TopologyError) return `${error.reason} at ${error.path}`;
    throw error;
  }
  return "taken";
}

describe("validateTopology", () => {
  test("takes a sound document and leaves out fields it does not know", () => {
    expect(validateTopology({ ...doc, later: 1 })).toEqual(doc);
  });

  test("keeps how long a gateway's clients have to leave, in the JSON alone", () => {
    const draining = { ...doc, pools: { ...doc.pools, gateway: { ...empty, servers: [{ ...server, state: "draining", drainMs: 30_000 }] } } };
    const taken = parseTopology(encodeTopologyJson(validateTopology(draining)));
    expect(taken).toEqual(draining);
    const binary = (ms: number | undefined): Uint8Array => {
      const { drainMs: _, ...rest } = taken.pools.gateway.servers[0]!;
      const servers = [{ ...rest, ...(ms === undefined ? {} : { drainMs: ms }) }];
      return encodeTopologyBinary({ ...taken, pools: { ...taken.pools, gateway: { ...taken.pools.gateway, servers } } }, () => 0n);
    };
    expect(binary(30_000)).toEqual(binary(undefined));
  });

  test("sorts servers by ID bytewise and pins by slot", () => {
    const servers = ["b", "a", "B", "a-1"].map((id) => ({ ...server, id }));
    const pins = [[9, "a"], [1, "b"]];
    const { channel } = validateTopology(withValue("pools.channel", { ...pool, servers, pins })).pools;
    expect(channel.servers.map(({ id }) => id)).toEqual(["B", "a", "a-1", "b"]);
    expect(channel.pins).toEqual([[1, "b"], [9, "a"]]);
  });

  test.each<[string, unknown, string]>([
    ["v", 2, "bad_version at v"],
    ["epoch", -1, "bad_epoch at epoch"],
    ["epoch", 2 ** 53, "bad_epoch at epoch"],
    ["keyId", "726FDB47", "bad_key_id at keyId"],
    ["pools", [], "bad_type at pools"],
    ["pools.presence", undefined, "bad_type at pools.presence"],
    ["pools.channel.servers", {}, "bad_type at pools.channel.servers"],
    ["pools.channel.servers", Array(1025).fill(server), "too_many at pools.channel.servers"],
    ["pools.channel.servers", [server, server], "duplicate at pools.channel.servers"],
    ["pools.channel.servers.0", null, "bad_type at pools.channel.servers[0]"],
    ["pools.channel.servers.0.id", "", "bad_id at pools.channel.servers[0].id"],
    ["pools.channel.servers.0.id", "a,b", "bad_id at pools.channel.servers[0].id"],
    ["pools.channel.servers.0.id", "x".repeat(65), "bad_id at pools.channel.servers[0].id"],
    ["pools.channel.servers.0.drainMs", 0, "bad_drain at pools.channel.servers[0].drainMs"],
    ["pools.channel.servers.0.drainMs", "5s", "bad_drain at pools.channel.servers[0].drainMs"],
    ["pools.channel.servers.0.addr", "localhost:80", "bad_addr at pools.channel.servers[0].addr"],
    ["pools.channel.servers.0.addr", "10.0.0.1", "bad_addr at pools.channel.servers[0].addr"],
    ["pools.channel.servers.0.addr", "10.0.0.1:0", "bad_addr at pools.channel.servers[0].addr"],
    ["pools.channel.servers.0.addr", "10.0.0.256:80", "bad_addr at pools.channel.servers[0].addr"],
    ["pools.channel.servers.0.addr", "10.0.0.1:80\r\nx: y", "bad_addr at pools.channel.servers[0].addr"],
    ["pools.channel.servers.0.addr", "::1:80", "bad_addr at pools.channel.servers[0].addr"],
    ["pools.channel.servers.0.addr", "[::1]:80", "taken"],
    ["pools.channel.servers.0.zone", "a b", "bad_zone at pools.channel.servers[0].zone"],
    ["pools.channel.servers.0.zone", "", "taken"],
    ["pools.channel.servers.0.weight", 65_536, "bad_weight at pools.channel.servers[0].weight"],
    ["pools.channel.servers.0.weight", 1.5, "bad_weight at pools.channel.servers[0].weight"],
    ["pools.channel.servers.0.weight", "1", "bad_weight at pools.channel.servers[0].weight"],
    ["pools.channel.servers.0.weight", 0, "taken"],
    ["pools.channel.servers.0.state", "gone", "bad_state at pools.channel.servers[0].state"],
    ["pools.channel.pins.0", [1, "a", 2], "bad_type at pools.channel.pins[0]"],
    ["pools.channel.pins.0", [65_536, "a"], "bad_slot at pools.channel.pins[0][0]"],
    ["pools.channel.pins.0", [1, 2], "bad_id at pools.channel.pins[0][1]"],
    ["pools.channel.pins", [[1, "a"], [1, "b"]], "duplicate at pools.channel.pins"],
    ["pools.channel.pins", Array(4097).fill([1, "a"]), "too_many at pools.channel.pins"],
    ["pools.channel.tableDigest", "0", "bad_digest at pools.channel.tableDigest"],
  ])("answers %s = %j with: %s", (path, value, answer) => {
    expect(refusal(() => validateTopology(withValue(path, value)))).toBe(answer);
  });

  test.each([null, undefined, 1, "x", []])("refuses %j for a document", (value) => {
    expect(refusal(() => validateTopology(value))).toBe("bad_type at ");
  });
});

test("parseTopology refuses bytes that are no JSON, no UTF-8 or too many", () => {
  expect(refusal(() => parseTopology(Buffer.from("{")))).toBe("bad_json at ");
  expect(refusal(() => parseTopology(Uint8Array.of(0x22, 0xff, 0x22)))).toBe("bad_json at ");
  expect(refusal(() => parseTopology(new Uint8Array(256 * 1024 + 1)))).toBe("too_large at ");
});

test("the canonical JSON does not depend on the order of anything and reads back as the same document", () => {
  const servers = ["b", "a"].map((id) => ({ ...server, id }));
  const one = validateTopology(withValue("pools.channel.servers", servers));
  const two = validateTopology(withValue("pools.channel.servers", servers.toReversed()));
  const shuffled = { ...one, pools: { gateway: one.pools.gateway, channel: { ...one.pools.channel, servers: one.pools.channel.servers.toReversed() }, presence: one.pools.presence } };
  expect(encodeTopologyJson(two)).toEqual(encodeTopologyJson(one));
  expect(encodeTopologyJson(shuffled)).toEqual(encodeTopologyJson(one));
  expect(parseTopology(encodeTopologyJson(one))).toEqual(one);
});
