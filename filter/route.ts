/** Request → rule → key → preference list → headers. Nothing here allocates. */
import {
  Action, Bytes, bytesEqual, getHeaderMap, MapType, PairReader, removeHeader, replaceHeader, result, resultLen,
  startsWithIgnoringCase, Status, writeDecimal,
} from "proxy-wasm-as";
import { Config } from "./config";
import { findKey, keyLen, keyPtr } from "./key";
import * as metrics from "./metrics";
import * as refusal from "./refusal";
import { Ring, slotOf } from "./ring/ring";
import { ADDR_BYTES_MAX, POOL_CHANNEL, POOL_PRESENCE, Topology } from "./ring/topology";
import { COPIES_MAX, KeySource, matches, Rule } from "./rule";

const OURS = Bytes.of("x-ringway-");
const UPSTREAM = Bytes.of("x-ringway-upstream");
const EPOCH = Bytes.of("x-ringway-epoch");
const SLOT = Bytes.of("x-ringway-slot");
const PATH = Bytes.of(":path");
const UPGRADE = Bytes.of("upgrade");

const pairs = new PairReader();
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
  if (getHeaderMap(MapType.HttpRequestHeaders) != Status.Ok) return Action.Continue;
  const map = result();
  const mapLen = resultLen();
  readRequest(map, mapLen);
  const rule = firstMatch(config.rules);
  if (rule == null) return Action.Continue;
  pairs.open(map, mapLen);
  if (!findKey(rule, path, pathLen, query, queryLen, pairs)) return miss(rule);
  if (topology == null) return answer(refusal.ringUnavailable, metrics.noRing);
  const ring = topology.pool(rule.pool);
  if (rule.byServerId) return routeToServer(topology, ring);

  const slot = slotOf(config.k0, config.k1, keyPtr, keyLen);
  const count = ring.preference(slot, rule.copies, chosen, zone.ptr, rule.preferZone ? zone.len : 0);
  if (count == 0) return answer(refusal.noServer, metrics.noServer);
  setUpstream(ring, count);
  setNumber(EPOCH, topology.epoch);
  setNumber(SLOT, slot);
  metrics.count(routedTo(rule.pool));
  return Action.Continue;
}

/** Removes every `x-ringway-*` header, for only the filter may set those, and notes on the way what rules match on. */
function readRequest(map: usize, mapLen: i32): void {
  path = 0;
  pathLen = 0;
  query = 0;
  queryLen = 0;
  upgrade = false;
  if (!pairs.open(map, mapLen)) return;
  while (pairs.next()) {
    if (bytesEqual(pairs.name, pairs.nameLen, PATH.ptr, PATH.len)) {
      splitPath(pairs.value, pairs.valueLen);
    } else if (bytesEqual(pairs.name, pairs.nameLen, UPGRADE.ptr, UPGRADE.len)) {
      upgrade = pairs.valueLen > 0;
    } else if (startsWithIgnoringCase(pairs.name, pairs.nameLen, OURS)) {
      removeHeader(MapType.HttpRequestHeaders, pairs.name, pairs.nameLen);
    }
  }
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
  if (rule.passOnMiss) return Action.Continue;
  return rule.source == KeySource.Ticket ? answer(refusal.badTicket, metrics.badTicket) : answer(refusal.badId, metrics.badId);
}

function routedTo(pool: i32): u32 {
  return pool == POOL_CHANNEL ? metrics.routedChannel : pool == POOL_PRESENCE ? metrics.routedPresence : metrics.routedGateway;
}

function answer(what: refusal.Refusal, metric: u32): Action {
  metrics.count(metric);
  what.send();
  return Action.Pause;
}

/** A link goes to one server by name, draining or not, and to no other. */
function routeToServer(topology: Topology, ring: Ring): Action {
  const index = ring.indexOfId(keyPtr, keyLen);
  if (index < 0) return answer(refusal.unknownServer, metrics.unknownServer);
  unchecked((chosen[0] = <u16>index));
  setUpstream(ring, 1);
  setNumber(EPOCH, topology.epoch);
  metrics.count(metrics.routedLink);
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
