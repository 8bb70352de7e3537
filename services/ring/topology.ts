/** The topology document for people and services: checked at the door, written in one canonical form. */
import { isIPv4, isIPv6 } from "node:net";
import { isId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import { pools, type Pool, type PoolTopology, type Server, type ServerState, type Topology } from "../protocol/topology.ts";

export type { Pool, PoolTopology, Server, ServerState, Topology } from "../protocol/topology.ts";

/** Number of slots; a slot is 0..65535. */
export const SLOTS = 65_536;
/** Longest address and zone, bytes. */
const ADDR_BYTES_MAX = 64;
const ZONE_BYTES_MAX = 64;

/** Why a topology document was refused. */
export type TopologyReason =
  | "bad_json"
  | "too_large"
  | "bad_type"
  | "bad_version"
  | "bad_epoch"
  | "bad_key_id"
  | "too_many"
  | "bad_id"
  | "bad_addr"
  | "bad_zone"
  | "bad_weight"
  | "bad_state"
  | "bad_drain"
  | "bad_slot"
  | "bad_digest"
  | "duplicate"
  | "wrong_key"
  | "digest_mismatch"
  | "epoch_too_low"
  | "epoch_reused"
  | "refused_by_ring";

/** A topology document that can't be used; `path` points into it (`pools.channel.servers[3].addr`). */
export class TopologyError extends Error {
  readonly path: string;
  readonly reason: TopologyReason;
  constructor(path: string, reason: TopologyReason, detail: string) {
    super(`topology ${path === "" ? "" : `${path}: `}${detail}`);
    this.name = "TopologyError";
    this.path = path;
    this.reason = reason;
  }
}

const visibleAscii = /^[\x21-\x2b\x2d-\x7e]*$/;

/** Bytewise order of two IDs; they are ASCII, so that code units are bytes. */
export function compareIds(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Reads a document from its bytes (JSON, at most `limits.topologyBytes`).
 * @throws TopologyError
 */
export function parseTopology(bytes: Uint8Array): Topology {
  if (bytes.length > limits.topologyBytes) {
    throw new TopologyError("", "too_large", `is larger than ${limits.topologyBytes} bytes`);
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new TopologyError("", "bad_json", "is not valid JSON");
  }
  return validateTopology(value);
}

/**
 * Checks a document of unknown origin. Fields it does not know are left out; servers and pins come back sorted.
 * @throws TopologyError
 */
export function validateTopology(value: unknown): Topology {
  const doc = asObject(value, "");
  if (doc["v"] !== 1) throw new TopologyError("v", "bad_version", "must be 1");
  const epoch = doc["epoch"];
  if (!isWhole(epoch, 1, Number.MAX_SAFE_INTEGER)) throw new TopologyError("epoch", "bad_epoch", "must be a whole number from 1");
  const keyId = doc["keyId"];
  if (typeof keyId !== "string" || !/^[0-9a-f]{8}$/.test(keyId)) {
    throw new TopologyError("keyId", "bad_key_id", "must be 8 hex digits");
  }
  const { digest } = doc;
  if (digest !== undefined && !isDigest(digest)) throw new TopologyError("digest", "bad_digest", "must be 16 hex digits");
  const poolsObject = asObject(doc["pools"], "pools");
  const checked = Object.fromEntries(pools.map((pool) => [pool, asPool(poolsObject[pool], `pools.${pool}`)]));
  return { v: 1, epoch, keyId, ...(digest === undefined ? {} : { digest }), pools: checked as Record<Pool, PoolTopology> };
}

/**
 * The canonical JSON: fixed order of keys, servers by ID, pins by slot, no white space.
 * @throws TopologyError `too_large`
 */
export function encodeTopologyJson(doc: Topology): Uint8Array {
  const canonical = {
    v: doc.v,
    epoch: doc.epoch,
    keyId: doc.keyId,
    ...(doc.digest === undefined ? {} : { digest: doc.digest }),
    pools: Object.fromEntries(
      pools.map((pool) => {
        const { servers, pins, tableDigest } = doc.pools[pool];
        return [
          pool,
          {
            servers: sortServers(servers).map(({ id, addr, zone, weight, state, drainMs }) => ({ id, addr, zone, weight, state, ...(drainMs === undefined ? {} : { drainMs }) })),
            pins: sortPins(pins),
            tableDigest,
          },
        ];
      }),
    ),
  };
  const bytes = new TextEncoder().encode(JSON.stringify(canonical));
  if (bytes.length > limits.topologyBytes) {
    throw new TopologyError("", "too_large", `is larger than ${limits.topologyBytes} bytes`);
  }
  return bytes;
}

const stateNumbers: Readonly<Record<ServerState, number>> = { up: 0, draining: 1, down: 2 };

/**
 * The little-endian form for the filter (its layout is drawn in filter/ring/topology.ts). It leaves out the table digests
 * and the pins to absent servers: the filter has no use for either.
 * @param doc a valid document
 * @param sipHash24 of bytes, under the cluster key
 * @throws TopologyError `too_large`
 */
export function encodeTopologyBinary(doc: Topology, sipHash24: (bytes: Uint8Array) => bigint): Uint8Array {
  const out = Buffer.alloc(limits.topologyBytes);
  let at = 0;
  const room = (bytes: number): void => {
    if (at + bytes > out.length - 8) throw new TopologyError("", "too_large", `is larger than ${limits.topologyBytes} bytes`);
  };
  at += out.write("RWT1", "latin1");
  at = out.writeUInt16LE(doc.v, at);
  at = out.writeUInt16LE(0, at);
  at = out.writeBigUInt64LE(BigInt(doc.epoch), at);
  at = out.writeUInt32LE(Number.parseInt(doc.keyId, 16), at);
  for (const pool of pools) {
    const servers = sortServers(doc.pools[pool].servers);
    const indexes = new Map(servers.map((server, index) => [server.id, index]));
    const pins = sortPins(doc.pools[pool].pins).flatMap(([slot, id]) => {
      const index = indexes.get(id);
      return index === undefined ? [] : [[slot, index] as const];
    });
    room(4);
    at = out.writeUInt16LE(servers.length, at);
    at = out.writeUInt16LE(pins.length, at);
    for (const { id, addr, zone, weight, state } of servers) {
      room(6 + id.length + addr.length + zone.length);
      at = out.writeUInt8(id.length, at);
      at = out.writeUInt8(addr.length, at);
      at = out.writeUInt8(zone.length, at);
      at = out.writeUInt8(stateNumbers[state], at);
      at = out.writeUInt16LE(weight, at);
      at += out.write(id + addr + zone, at, "latin1");
    }
    room(4 * pins.length);
    for (const [slot, index] of pins) {
      at = out.writeUInt16LE(slot, at);
      at = out.writeUInt16LE(index, at);
    }
  }
  at = out.writeBigUInt64LE(sipHash24(out.subarray(0, at)), at);
  return new Uint8Array(out.subarray(0, at));
}

/** The digest that a binary document ends with, as JSON has it. */
export function digestOf(binary: Uint8Array): string {
  return Buffer.from(binary.subarray(-8)).readBigUInt64LE().toString(16).padStart(16, "0");
}

/** The servers in bytewise order of ID: their index in this order is their number in the ring. */
export function sortServers(servers: readonly Server[]): Server[] {
  return servers.toSorted((a, b) => compareIds(a.id, b.id));
}

function sortPins(pins: PoolTopology["pins"]): (readonly [number, string])[] {
  return pins.toSorted((a, b) => a[0] - b[0]);
}

function asPool(value: unknown, path: string): PoolTopology {
  const pool = asObject(value, path);
  const servers = asArray(pool["servers"], `${path}.servers`, limits.servers).map((server, i) =>
    asServer(server, `${path}.servers[${i}]`),
  );
  refuseDuplicate(servers.map((server) => server.id), `${path}.servers`);
  const pins = asArray(pool["pins"], `${path}.pins`, limits.pins).map((pin, i) => asPin(pin, `${path}.pins[${i}]`));
  refuseDuplicate(pins.map((pin) => pin[0]), `${path}.pins`);
  const tableDigest = pool["tableDigest"];
  if (!isDigest(tableDigest)) {
    throw new TopologyError(`${path}.tableDigest`, "bad_digest", "must be 16 hex digits");
  }
  return { servers: sortServers(servers), pins: sortPins(pins), tableDigest };
}

function asServer(value: unknown, path: string): Server {
  const { id, addr, zone, weight, state, drainMs } = asObject(value, path);
  if (typeof id !== "string" || !isId(id)) {
    throw new TopologyError(`${path}.id`, "bad_id", "must be 1..64 characters of [A-Za-z0-9_-]");
  }
  if (typeof addr !== "string" || !isIpPort(addr)) throw new TopologyError(`${path}.addr`, "bad_addr", "must be ip:port");
  if (typeof zone !== "string" || !isZone(zone)) {
    throw new TopologyError(`${path}.zone`, "bad_zone", `must be at most ${ZONE_BYTES_MAX} visible ASCII characters without a comma`);
  }
  if (!isWhole(weight, 0, 65_535)) throw new TopologyError(`${path}.weight`, "bad_weight", "must be a whole number 0..65535");
  if (state !== "up" && state !== "draining" && state !== "down") {
    throw new TopologyError(`${path}.state`, "bad_state", "must be up, draining or down");
  }
  if (drainMs !== undefined && !isWhole(drainMs, 1, Number.MAX_SAFE_INTEGER)) throw new TopologyError(`${path}.drainMs`, "bad_drain", "must be a whole number from 1");
  return { id, addr, zone, weight, state, ...(drainMs === undefined ? {} : { drainMs }) };
}

function asPin(value: unknown, path: string): readonly [number, string] {
  if (!Array.isArray(value) || value.length !== 2) throw new TopologyError(path, "bad_type", "must be [slot, server ID]");
  const [slot, id] = value as [unknown, unknown];
  if (!isWhole(slot, 0, SLOTS - 1)) throw new TopologyError(`${path}[0]`, "bad_slot", "must be a slot 0..65535");
  if (typeof id !== "string" || !isId(id)) {
    throw new TopologyError(`${path}[1]`, "bad_id", "must be 1..64 characters of [A-Za-z0-9_-]");
  }
  return [slot, id];
}

/** Whether a server's address is `ip:port` or `[ipv6]:port`: Envoy's `override_host` takes no names. */
export function isIpPort(addr: string): boolean {
  if (addr.length > ADDR_BYTES_MAX) return false;
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):([0-9]{1,5})$/.exec(addr);
  if (match === null) return false;
  const [, v6, v4, port] = match;
  return (v6 === undefined ? isIPv4(v4 ?? "") : isIPv6(v6)) && isWhole(Number(port), 1, 65_535);
}

/** Whether a zone's name can go into a topology: at most 64 visible ASCII characters without a comma; empty is no zone. */
export function isZone(zone: string): boolean {
  return zone.length <= ZONE_BYTES_MAX && visibleAscii.test(zone);
}

function isDigest(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{16}$/.test(value);
}

function asObject(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TopologyError(path, "bad_type", "must be an object");
  }
  return value as Record<string, unknown>;
}

function asArray(value: unknown, path: string, most: number): unknown[] {
  if (!Array.isArray(value)) throw new TopologyError(path, "bad_type", "must be an array");
  if (value.length > most) throw new TopologyError(path, "too_many", `must have at most ${most} entries`);
  return value;
}

function isWhole(value: unknown, low: number, high: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= low && value <= high;
}

function refuseDuplicate(keys: readonly (string | number)[], path: string): void {
  const seen = new Set<string | number>();
  for (const key of keys) {
    if (seen.has(key)) throw new TopologyError(path, "duplicate", `has ${key} twice`);
    seen.add(key);
  }
}
