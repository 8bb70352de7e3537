/** From a request to the key it is routed by. Reads bytes in place, and leaves its finding in `keyPtr`, `keyLen`. */
import { Bytes, getHeaderMap, MapType, PairReader, result, resultLen, startsWithIgnoringCase, Status } from "proxy-wasm-as";
import { ID_BYTES_MAX } from "./ring/bid";
import { KeySource, Rule, segmentLen, segmentPtr } from "./rule";

/** Longest ticket; `services/protocol/ids.ts` has the same bound. */
const TICKET_BYTES_MAX = 256;

const COOKIE = Bytes.of("cookie");
const AMPERSAND: u8 = 0x26;
const SEMICOLON: u8 = 0x3b;

const pairs = new PairReader();

/** The key that the last `findKey` found. */
export let keyPtr: usize = 0;
export let keyLen: i32 = 0;

/**
 * Finds a rule's key in the request that it has just matched.
 * @param path without the query, which is `query`
 * @returns false if there is none, or it is no ID
 */
export function findKey(rule: Rule, path: usize, pathLen: i32, query: usize, queryLen: i32): bool {
  keyPtr = 0;
  keyLen = 0;
  switch (rule.source) {
    case KeySource.Segment: return take(segmentPtr, segmentLen);
    case KeySource.Ticket: return takeTicket(path + rule.path.len, pathLen - rule.path.len);
    case KeySource.Query: return findField(query, queryLen, AMPERSAND, rule.name) == 1 && isId(keyPtr, keyLen);
    case KeySource.Header: return findHeader(rule.name) && isId(keyPtr, keyLen);
    default: return findCookie(rule.name) && isId(keyPtr, keyLen);
  }
}

function take(ptr: usize, len: i32): bool {
  keyPtr = ptr;
  keyLen = len;
  return isId(ptr, len);
}

/** `<userId>.<secret>`: the ID is what stands before the first dot. The secret is webapp's business, but it is one segment. */
function takeTicket(ptr: usize, len: i32): bool {
  if (len > TICKET_BYTES_MAX) return false;
  let dot = 0;
  while (dot < len && load<u8>(ptr + dot) != 0x2e) dot++;
  if (dot >= len - 1) return false;
  for (let i = dot + 1; i < len; i++) {
    const byte = load<u8>(ptr + i);
    if (!isIdByte(byte) && byte != 0x2e && byte != 0x7e) return false;
  }
  return take(ptr, dot);
}

/** Of a header that is there twice the host gives the first alone, so these two read the whole map. */
function openHeaders(): bool {
  return getHeaderMap(MapType.HttpRequestHeaders) == Status.Ok && pairs.open(result(), resultLen());
}

/** The header's value. Given twice it is none: who serves the request may read the other one. */
function findHeader(name: Bytes): bool {
  if (!openHeaders()) return false;
  let found = 0;
  while (pairs.next()) {
    if (pairs.nameLen != name.len || !startsWithIgnoringCase(pairs.name, pairs.nameLen, name)) continue;
    keyPtr = pairs.value;
    keyLen = pairs.valueLen;
    found++;
  }
  return found == 1;
}

/** The first cookie of that name, as servers read it: browsers put the one with the longest path first. */
function findCookie(name: Bytes): bool {
  if (!openHeaders()) return false;
  while (pairs.next()) {
    if (pairs.nameLen != COOKIE.len || !startsWithIgnoringCase(pairs.name, pairs.nameLen, COOKIE)) continue;
    if (findField(pairs.value, pairs.valueLen, SEMICOLON, name) > 0) return true;
  }
  return false;
}

/** Finds the first `name=value` between separators, spaces before it left out, and counts all of that name. */
function findField(ptr: usize, len: i32, separator: u8, name: Bytes): i32 {
  let found = 0;
  for (let at = 0; at < len; at++) {
    while (at < len && load<u8>(ptr + at) == 0x20) at++;
    const start = at;
    while (at < len && load<u8>(ptr + at) != separator) at++;
    const value = start + name.len + 1;
    if (value > at || load<u8>(ptr + value - 1) != 0x3d || memory.compare(ptr + start, name.ptr, name.len) != 0) continue;
    if (found++ > 0) continue;
    keyPtr = ptr + value;
    keyLen = at - value;
  }
  return found;
}

/** 1..64 of [A-Za-z0-9_-]. */
function isId(ptr: usize, len: i32): bool {
  if (len < 1 || len > ID_BYTES_MAX) return false;
  for (let i = 0; i < len; i++) if (!isIdByte(load<u8>(ptr + i))) return false;
  return true;
}

function isIdByte(byte: u32): bool {
  const lower = byte | 0x20;
  return (lower >= 0x61 && lower <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte == 0x2d || byte == 0x5f;
}
