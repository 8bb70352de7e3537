/** From a request's path to what it asks for. Pure: it reads bytes and leaves its findings in `kind`, `idPtr`, `idLen`. */
import { Bytes } from "proxy-wasm-as";
import { ID_BYTES_MAX } from "./ring/bid";

/** What a path asks for. */
export enum Kind {
  /** Nothing of Ringway's: leave it alone. */
  Other,
  Channel,
  Presence,
  Gateway,
  LinkChannel,
  LinkPresence,
}

/** Longest ticket; `services/protocol/ids.ts` has the same bound. */
const TICKET_BYTES_MAX = 256;

const WS = Bytes.of("/ws/");
const CHANNELS = Bytes.of("/v1/channels/");
const PRESENCE_USERS = Bytes.of("/v1/presence/users/");
const LINKS_CHANNEL = Bytes.of("/v1/links/channel/");
const LINKS_PRESENCE = Bytes.of("/v1/links/presence/");

/** The ID (channel, user or server) that the last `readPath` found; `idLen` is 0 if it was not a valid one. */
export let idPtr: usize = 0;
export let idLen: i32 = 0;

/** Reads a path with or without a query. */
export function readPath(ptr: usize, len: i32): Kind {
  idPtr = 0;
  idLen = 0;
  let end = 0;
  while (end < len && load<u8>(ptr + end) != 0x3f) end++;
  if (startsWith(ptr, end, WS)) {
    readTicket(ptr + WS.len, end - WS.len);
    return Kind.Gateway;
  }
  if (startsWith(ptr, end, CHANNELS)) return readSegment(ptr, end, CHANNELS, Kind.Channel);
  if (startsWith(ptr, end, PRESENCE_USERS)) return readSegment(ptr, end, PRESENCE_USERS, Kind.Presence);
  if (startsWith(ptr, end, LINKS_CHANNEL)) return readSegment(ptr, end, LINKS_CHANNEL, Kind.LinkChannel);
  if (startsWith(ptr, end, LINKS_PRESENCE)) return readSegment(ptr, end, LINKS_PRESENCE, Kind.LinkPresence);
  return Kind.Other;
}

function startsWith(ptr: usize, len: i32, prefix: Bytes): bool {
  return len >= prefix.len && memory.compare(ptr, prefix.ptr, prefix.len) == 0;
}

/** The ID is the segment after the prefix. */
function readSegment(ptr: usize, len: i32, prefix: Bytes, kind: Kind): Kind {
  const start = ptr + prefix.len;
  const rest = len - prefix.len;
  let end = 0;
  while (end < rest && load<u8>(start + end) != 0x2f) end++;
  if (end >= 1 && end <= ID_BYTES_MAX && isId(start, end)) {
    idPtr = start;
    idLen = end;
  }
  return kind;
}

/** `<userId>.<secret>`: the ID is what stands before the first dot. The secret is webapp's business, but it is one segment. */
function readTicket(ptr: usize, len: i32): void {
  if (len > TICKET_BYTES_MAX) return;
  let dot = 0;
  while (dot < len && load<u8>(ptr + dot) != 0x2e) dot++;
  if (dot < 1 || dot > ID_BYTES_MAX || dot >= len - 1 || !isId(ptr, dot)) return;
  for (let i = dot + 1; i < len; i++) {
    const byte = load<u8>(ptr + i);
    if (!isIdByte(byte) && byte != 0x2e && byte != 0x7e) return;
  }
  idPtr = ptr;
  idLen = dot;
}

function isId(ptr: usize, len: i32): bool {
  for (let i = 0; i < len; i++) if (!isIdByte(load<u8>(ptr + i))) return false;
  return true;
}

function isIdByte(byte: u32): bool {
  const lower = byte | 0x20;
  return (lower >= 0x61 && lower <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte == 0x2d || byte == 0x5f;
}
