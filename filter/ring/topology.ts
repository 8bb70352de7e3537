/**
 * The topology document in its binary form: decoded whole or refused with a code. No bytes make it trap.
 *
 * Little-endian, unaligned:
 *   u32 magic "RWT1"  u16 version  u16 zero  u64 epoch  u32 key ID
 *   three times (channel, presence, gateway):
 *     u16 servers  u16 pins
 *     per server, ascending by ID: u8 ID length, u8 address length, u8 zone length, u8 state, u16 weight, ID, address, zone
 *     per pin, ascending by slot: u16 slot, u16 server index
 *   u64 SipHash-2-4 of all before it
 */
import { ID_BYTES_MAX } from "./bid";
import {
  compareBytes, PINS_MAX, RECORD_ADDR_LEN, RECORD_HEAD, RECORD_ID_LEN, RECORD_STATE, RECORD_ZONE_LEN, Ring,
  SERVERS_MAX, STATE_DOWN,
} from "./ring";
import { sipHash24 } from "./siphash";

export const DOCUMENT_BYTES_MAX: i32 = 256 * 1024;
export const ADDR_BYTES_MAX: i32 = 64;
export const ZONE_BYTES_MAX: i32 = 64;

const MAGIC: u32 = 0x31545752; // "RWT1"
const VERSION: u16 = 1;
const HEADER_BYTES: i32 = 20;
const POOL_HEADER_BYTES: i32 = 4;
const DIGEST_BYTES: i32 = 8;
const DOCUMENT_BYTES_MIN: i32 = 20 + 3 * 4 + 8;
/** Epochs begin with 1, and are whole numbers that JavaScript can hold, too. */
const EPOCH_MAX: u64 = 0x1fffffffffffff;

/** Times a byte: that byte eight times. */
const EACH: u64 = 0x0101010101010101;

export const POOL_CHANNEL: i32 = 0;
export const POOL_PRESENCE: i32 = 1;
export const POOL_GATEWAY: i32 = 2;

/** Why the last `Topology.decode` gave null; `ERROR_NONE` when it didn't. Node names them in services/ring/ring.ts. */
export const ERROR_NONE: i32 = 0;
export const ERROR_TOO_SHORT: i32 = 1;
export const ERROR_TOO_LONG: i32 = 2;
export const ERROR_MAGIC: i32 = 3;
export const ERROR_VERSION: i32 = 4;
export const ERROR_KEY: i32 = 5;
export const ERROR_DIGEST: i32 = 6;
export const ERROR_EPOCH: i32 = 7;
export const ERROR_TRUNCATED: i32 = 8;
export const ERROR_TRAILING: i32 = 9;
export const ERROR_SERVERS: i32 = 10;
export const ERROR_PINS: i32 = 11;
export const ERROR_ID: i32 = 12;
export const ERROR_ADDR: i32 = 13;
export const ERROR_ZONE: i32 = 14;
export const ERROR_STATE: i32 = 15;
export const ERROR_ORDER: i32 = 16;
export const ERROR_PIN: i32 = 17;

let lastError: i32 = ERROR_NONE;

/** One of the ERROR_ codes: the outcome of the last `Topology.decode`. */
export function topologyError(): i32 {
  return lastError;
}

/** Names a key without giving it away: half of the SipHash-2-4 of nothing. */
export function keyId(k0: u64, k1: u64): u32 {
  return <u32>(sipHash24(0, 0, k0, k1) >> 32);
}

export class Topology {
  constructor(
    public epoch: u64,
    public channel: Ring,
    public presence: Ring,
    public gateway: Ring,
  ) {}

  /** The ring of POOL_CHANNEL, POOL_PRESENCE or POOL_GATEWAY (also for any other number). */
  pool(pool: i32): Ring {
    return pool == POOL_CHANNEL ? this.channel : pool == POOL_PRESENCE ? this.presence : this.gateway;
  }

  /** Makes all memory that look-ups will need, where it must not be one of them that does. */
  makeTables(): void {
    this.channel.makeTable();
    this.presence.makeTable();
    this.gateway.makeTable();
  }

  /**
   * Reads a document of `len` bytes at `ptr`, sealed under the key `k0`, `k1`. Keeps its own copy of the bytes. Null
   * for anything but a whole and sound document; `topologyError()` then tells why.
   */
  static decode(ptr: usize, len: i32, k0: u64, k1: u64): Topology | null {
    lastError = checkSeal(ptr, len, k0, k1);
    if (lastError != ERROR_NONE) return null;
    const end = len - DIGEST_BYTES;

    let at = HEADER_BYTES;
    for (let pool = 0; pool < 3; pool++) {
      at = checkPool(ptr, at, end);
      if (at < 0) return null;
    }
    if (at != end) {
      lastError = ERROR_TRAILING;
      return null;
    }

    const doc = new StaticArray<u8>(len);
    memory.copy(changetype<usize>(doc), ptr, <usize>len);
    poolAt = HEADER_BYTES;
    const channel = buildPool(doc, k0, k1);
    const presence = buildPool(doc, k0, k1);
    const gateway = buildPool(doc, k0, k1);
    return new Topology(load<u64>(changetype<usize>(doc), 8), channel, presence, gateway);
  }
}

function checkSeal(ptr: usize, len: i32, k0: u64, k1: u64): i32 {
  if (len < DOCUMENT_BYTES_MIN) return ERROR_TOO_SHORT;
  if (len > DOCUMENT_BYTES_MAX) return ERROR_TOO_LONG;
  if (load<u32>(ptr) != MAGIC) return ERROR_MAGIC;
  if (load<u16>(ptr, 4) != VERSION || load<u16>(ptr, 6) != 0) return ERROR_VERSION;
  if (load<u32>(ptr, 16) != keyId(k0, k1)) return ERROR_KEY;
  const end = len - DIGEST_BYTES;
  if (load<u64>(ptr + <usize>end) != sipHash24(ptr, end, k0, k1)) return ERROR_DIGEST;
  const epoch = load<u64>(ptr, 8);
  if (epoch == 0 || epoch > EPOCH_MAX) return ERROR_EPOCH;
  return ERROR_NONE;
}

/** Checks the pool at offset `at`; returns the offset after it, or -1 with `lastError` set. */
function checkPool(doc: usize, at: i32, end: i32): i32 {
  if (end - at < POOL_HEADER_BYTES) return refuse(ERROR_TRUNCATED);
  const servers = <i32>load<u16>(doc + <usize>at);
  const pins = <i32>load<u16>(doc + <usize>at, 2);
  if (servers > SERVERS_MAX) return refuse(ERROR_SERVERS);
  if (pins > PINS_MAX) return refuse(ERROR_PINS);
  at += POOL_HEADER_BYTES;

  let idBefore: usize = 0;
  let idBeforeLen = 0;
  for (let i = 0; i < servers; i++) {
    if (end - at < <i32>RECORD_HEAD) return refuse(ERROR_TRUNCATED);
    const record = doc + <usize>at;
    const idLen = <i32>load<u8>(record + RECORD_ID_LEN);
    const addrLen = <i32>load<u8>(record + RECORD_ADDR_LEN);
    const zoneLen = <i32>load<u8>(record + RECORD_ZONE_LEN);
    at += <i32>RECORD_HEAD + idLen + addrLen + zoneLen;
    if (at > end) return refuse(ERROR_TRUNCATED);
    const id = record + RECORD_HEAD;
    if (idLen == 0 || idLen > ID_BYTES_MAX || !isToken(id, idLen)) return refuse(ERROR_ID);
    const addr = id + <usize>idLen;
    if (addrLen == 0 || addrLen > ADDR_BYTES_MAX || !isToken(addr, addrLen)) return refuse(ERROR_ADDR);
    if (zoneLen > ZONE_BYTES_MAX || !isToken(addr + <usize>addrLen, zoneLen)) return refuse(ERROR_ZONE);
    if (load<u8>(record + RECORD_STATE) > STATE_DOWN) return refuse(ERROR_STATE);
    if (i > 0 && compareBytes(idBefore, idBeforeLen, id, idLen) >= 0) return refuse(ERROR_ORDER);
    idBefore = id;
    idBeforeLen = idLen;
  }

  if (end - at < pins << 2) return refuse(ERROR_TRUNCATED);
  let slotBefore = -1;
  for (let i = 0; i < pins; i++, at += 4) {
    const slot = <i32>load<u16>(doc + <usize>at);
    if (slot <= slotBefore || <i32>load<u16>(doc + <usize>at, 2) >= servers) return refuse(ERROR_PIN);
    slotBefore = slot;
  }
  return at;
}

function refuse(error: i32): i32 {
  lastError = error;
  return -1;
}

/**
 * Visible ASCII without the comma, which parts the list that Envoy reads: safe in a header as it is. Eight bytes at a time: up to seven behind
 * the token are read, but not looked at, and a checked document has its digest there.
 */
function isToken(ptr: usize, len: i32): bool {
  for (let i = 0; i < len; i += 8) {
    let bytes = load<u64>(ptr + <usize>i);
    if (len - i < 8) {
      const mine = ((<u64>1) << (<u64>(len - i) << 3)) - 1;
      bytes = (bytes & mine) | (EACH * 0x21 & ~mine);
    }
    const aboveSpace = bytes + EACH * 0x5f; // by the high bit of each byte, as in the lines below
    const noComma = (bytes ^ (EACH * 0x2c)) + EACH * 0x7f;
    const delOrHigh = (bytes + EACH) | bytes;
    if ((aboveSpace & noComma & ~delOrHigh & (EACH * 0x80)) != EACH * 0x80) return false;
  }
  return true;
}

/** Offset of the pool that `buildPool` takes next. */
let poolAt: i32 = 0;

/** Makes the ring of the checked pool at `poolAt` and moves on. */
function buildPool(doc: StaticArray<u8>, k0: u64, k1: u64): Ring {
  const base = changetype<usize>(doc);
  const records = new StaticArray<u32>(<i32>load<u16>(base + <usize>poolAt));
  const pins = <i32>load<u16>(base + <usize>poolAt, 2);
  let at = poolAt + POOL_HEADER_BYTES;
  for (let i = 0; i < records.length; i++) {
    unchecked((records[i] = at));
    const record = base + <usize>at;
    at += <i32>RECORD_HEAD + load<u8>(record + RECORD_ID_LEN) + load<u8>(record + RECORD_ADDR_LEN) +
      load<u8>(record + RECORD_ZONE_LEN);
  }
  poolAt = at + (pins << 2);
  return new Ring(doc, records, at, pins, k0, k1);
}
