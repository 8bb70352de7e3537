/** Request → key → preference list → headers. Nothing here allocates. */
import {
  Action, Bytes, getHeaderMap, MapType, PairReader, removeHeader, replaceHeader, result, resultLen, startsWithIgnoringCase,
  Status, writeDecimal,
} from "proxy-wasm-as";
import { Config } from "./config";
import * as metrics from "./metrics";
import { idLen, idPtr, Kind, readPath } from "./path";
import * as refusal from "./refusal";
import { Ring, slotOf } from "./ring/ring";
import { ADDR_BYTES_MAX, Topology } from "./ring/topology";

/** Bidders named besides a pin. Envoy's retry policy walks as many. */
const CHOICES = 3;

const OURS = Bytes.of("x-ringway-");
const UPSTREAM = Bytes.of("x-ringway-upstream");
const EPOCH = Bytes.of("x-ringway-epoch");
const SLOT = Bytes.of("x-ringway-slot");
const PATH = Bytes.of(":path");

const pairs = new PairReader();
const chosen = new StaticArray<u16>(CHOICES + 1);
/** Room for `ip:port,ip:port,…` and for a number. */
const list: usize = heap.alloc((CHOICES + 1) * (ADDR_BYTES_MAX + 1));
const digits: usize = heap.alloc(24);

/**
 * Routes the running request.
 * @param topology the ring in use, or null if none came yet
 * @param zone gateways of this zone go first; empty for none
 */
export function routeRequest(config: Config, topology: Topology | null, zone: Bytes): Action {
  const kind = scrubAndRead();
  if (!isEnabled(config, kind)) return Action.Continue;
  if (idLen == 0) {
    return kind == Kind.Gateway ? answer(refusal.badTicket, metrics.badTicket) : answer(refusal.badId, metrics.badId);
  }
  if (topology == null) return answer(refusal.ringUnavailable, metrics.noRing);
  if (kind == Kind.LinkChannel) return routeToServer(topology, topology.channel);
  if (kind == Kind.LinkPresence) return routeToServer(topology, topology.presence);

  const slot = slotOf(config.k0, config.k1, idPtr, idLen);
  let ring = topology.channel;
  let metric = metrics.routedChannel;
  let zoneLen = 0;
  if (kind == Kind.Presence) {
    ring = topology.presence;
    metric = metrics.routedPresence;
  } else if (kind == Kind.Gateway) {
    ring = topology.gateway;
    metric = metrics.routedGateway;
    zoneLen = zone.len;
  }
  const count = ring.preference(slot, CHOICES, chosen, zone.ptr, zoneLen);
  if (count == 0) return answer(refusal.noServer, metrics.noServer);
  setUpstream(ring, count);
  setNumber(EPOCH, topology.epoch);
  setNumber(SLOT, slot);
  metrics.count(metric);
  return Action.Continue;
}

/** Removes every `x-ringway-*` header, for only the filter may set those, and reads the path on the way. */
function scrubAndRead(): Kind {
  let kind = Kind.Other;
  if (getHeaderMap(MapType.HttpRequestHeaders) != Status.Ok || !pairs.open(result(), resultLen())) return kind;
  while (pairs.next()) {
    if (pairs.nameLen == PATH.len && memory.compare(pairs.name, PATH.ptr, PATH.len) == 0) {
      kind = readPath(pairs.value, pairs.valueLen);
    } else if (startsWithIgnoringCase(pairs.name, pairs.nameLen, OURS)) {
      removeHeader(MapType.HttpRequestHeaders, pairs.name, pairs.nameLen);
    }
  }
  return kind;
}

function isEnabled(config: Config, kind: Kind): bool {
  switch (kind) {
    case Kind.Channel: return config.routeChannel;
    case Kind.Presence: return config.routePresence;
    case Kind.Gateway: return config.routeGateway;
    case Kind.LinkChannel:
    case Kind.LinkPresence: return config.routeLink;
    default: return false;
  }
}

function answer(what: refusal.Refusal, metric: u32): Action {
  metrics.count(metric);
  what.send();
  return Action.Pause;
}

/** A link goes to one server by name, draining or not, and to no other. */
function routeToServer(topology: Topology, ring: Ring): Action {
  const index = ring.indexOfId(idPtr, idLen);
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
