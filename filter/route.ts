/** Request → rule → key → preference list → headers. Nothing here allocates. */
import { Action, Bytes, getHeader, MapType, removeHeader, replaceHeader, result, resultLen, Status, writeDecimal } from "proxy-wasm-as";
import { Config } from "./config";
import { findKey, keyLen, keyPtr } from "./key";
import * as metrics from "./metrics";
import * as refusal from "./refusal";
import { Ring, slotOf } from "./ring/ring";
import { ADDR_BYTES_MAX, POOL_CHANNEL, POOL_PRESENCE, Topology } from "./ring/topology";
import { COPIES_MAX, KeySource, matches, Rule } from "./rule";

const UPSTREAM = Bytes.of("x-ringway-upstream");
const EPOCH = Bytes.of("x-ringway-epoch");
const SLOT = Bytes.of("x-ringway-slot");
const PATH = Bytes.of(":path");
const UPGRADE = Bytes.of("upgrade");

const chosen = new StaticArray<u16>(COPIES_MAX + 1);
/** Room for `ip:port,ip:port,…` and for a number. */
const list: usize = heap.alloc((COPIES_MAX + 1) * (ADDR_BYTES_MAX + 1));
const digits: usize = heap.alloc(24);

// What `readRequest` found: the path up to its query, the query, and whether an upgrade is asked for.
let path: usize = 0;
let pathLen: i32 = 0;
let query: usize = 0;
let queryLen: i32 = 0;
let upgrade: bool = false;

/**
 * Routes the running request.
 * @param topology the ring in use, or null if none came yet
 * @param zone servers of this zone go first where a rule says so; empty for none
 */
export function routeRequest(config: Config, topology: Topology | null, zone: Bytes): Action {
  readRequest(config.readsUpgrade);
  const rule = firstMatch(config.rules);
  if (rule == null) return pass();
  if (!findKey(rule, path, pathLen, query, queryLen)) return miss(rule);
  if (topology == null) return answer(refusal.ringUnavailable, metrics.NO_RING);
  const ring = topology.pool(rule.pool);
  if (rule.byServerId) return routeToServer(topology, ring);

  const slot = slotOf(config.k0, config.k1, keyPtr, keyLen);
  const count = ring.preference(slot, rule.copies, chosen, zone.ptr, rule.preferZone ? zone.len : 0);
  if (count == 0) return answer(refusal.noServer, metrics.NO_SERVER);
  setUpstream(ring, count);
  setNumber(EPOCH, topology.epoch);
  setNumber(SLOT, slot);
  metrics.count(routedTo(rule.pool));
  return Action.Continue;
}

/**
 * Reads what rules match on, header by header: to be handed the whole map costs 2 to 3 µs more (docs/benchmarks.md).
 * @param withUpgrade whether any rule asks for it
 */
function readRequest(withUpgrade: bool): void {
  pathLen = 0;
  queryLen = 0;
  upgrade = false;
  if (getHeader(MapType.HttpRequestHeaders, PATH) == Status.Ok) splitPath(result(), resultLen());
  if (withUpgrade) upgrade = getHeader(MapType.HttpRequestHeaders, UPGRADE) == Status.Ok && resultLen() > 0;
}

/** A request that is not routed here leaves without the headers that say how: no client may name the host. */
function pass(): Action {
  removeOurs();
  return Action.Continue;
}

/** Takes away what a client may have sent under the names of the headers that are set here. */
function removeOurs(): void {
  removeHeader(MapType.HttpRequestHeaders, UPSTREAM.ptr, UPSTREAM.len);
  removeHeader(MapType.HttpRequestHeaders, EPOCH.ptr, EPOCH.len);
  removeHeader(MapType.HttpRequestHeaders, SLOT.ptr, SLOT.len);
}

function splitPath(ptr: usize, len: i32): void {
  let end = 0;
  while (end < len && load<u8>(ptr + end) != 0x3f) end++;
  path = ptr;
  pathLen = end;
  query = ptr + min(end + 1, len);
  queryLen = len - min(end + 1, len);
}

function firstMatch(rules: Rule[]): Rule | null {
  for (let i = 0; i < rules.length; i++) {
    const rule = unchecked(rules[i]);
    if (matches(rule, path, pathLen, upgrade)) return rule;
  }
  return null;
}

function miss(rule: Rule): Action {
  if (rule.passOnMiss) return pass();
  return rule.source == KeySource.Ticket ? answer(refusal.badTicket, metrics.BAD_TICKET) : answer(refusal.badId, metrics.BAD_ID);
}

function routedTo(pool: i32): i32 {
  return pool == POOL_CHANNEL ? metrics.ROUTED_CHANNEL : pool == POOL_PRESENCE ? metrics.ROUTED_PRESENCE : metrics.ROUTED_GATEWAY;
}

function answer(what: refusal.Refusal, metric: i32): Action {
  metrics.count(metric);
  removeOurs(); // access logs are written of refused requests, too
  what.send();
  return Action.Pause;
}

/** A link goes to one server by name, draining or not, and to no other. */
function routeToServer(topology: Topology, ring: Ring): Action {
  const index = ring.indexOfId(keyPtr, keyLen);
  if (index < 0) return answer(refusal.unknownServer, metrics.UNKNOWN_SERVER);
  unchecked((chosen[0] = <u16>index));
  setUpstream(ring, 1);
  setNumber(EPOCH, topology.epoch);
  removeHeader(MapType.HttpRequestHeaders, SLOT.ptr, SLOT.len);
  metrics.count(metrics.ROUTED_LINK);
  return Action.Continue;
}

function setUpstream(ring: Ring, count: i32): void {
  let at = list;
  for (let i = 0; i < count; i++) {
    const server = <i32>unchecked(chosen[i]);
    if (i > 0) store<u8>(at++, 0x2c);
    const len = ring.addrLen(server);
    memory.copy(at, ring.addrPtr(server), len);
    at += len;
  }
  replaceHeader(MapType.HttpRequestHeaders, UPSTREAM, list, <i32>(at - list));
}

function setNumber(name: Bytes, value: u64): void {
  replaceHeader(MapType.HttpRequestHeaders, name, digits, writeDecimal(digits, value));
}
