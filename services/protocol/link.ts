/**
 * The link: one WebSocket per gateway and channel (or presence) server, through the mesh listener at
 * `/v1/links/{channel|presence}/{serverId}`. A WebSocket message holds one or more records, each
 * `u32 length, u8 type, fields`, little-endian. After its subscription a channel is named by `chan`, a number that
 * the gateway chose and that is valid on this link only. Payload bytes are final JSON: a gateway never parses them,
 * except those of a `control` event.
 */
import { ProtocolError } from "./problems.ts";

/** `after` of a subscription that wants nothing replayed. */
export const AFTER_HEAD = Number.MAX_SAFE_INTEGER;
/** `origin` of a publication that no socket made (Web API, other services). */
export const NO_ORIGIN = 0;
export const LINK_VERSION = 2;

/** Kinds of stored events. `control` is for gateways (see `Control` in session.ts) and is not shown to clients. */
export const eventKinds = { client: 0, control: 1 } as const;

/** When an event was where, µs since the epoch by the clocks of those who say it; 0 = nobody knows, as with all that is read from the store. */
export interface Hops {
  /** at the gateway that its author is connected to */
  readonly taken: number;
  /** at its channel's owner */
  readonly received: number;
  /** durable */
  readonly stored: number;
  /** the `traceparent` of who traces it (https://www.w3.org/TR/trace-context/#traceparent-header), "" = nobody does */
  readonly trace: string;
}

/** Of an event that is read from the store. */
export const noHops: Hops = { taken: 0, received: 0, stored: 0, trace: "" };

type Field = "u8" | "u32" | "int" | "str" | "bytes";

/** Wire name → [type code, fields in order]. `int` is a u64 holding a safe integer; `bytes` takes the rest, so it comes last. */
const frames = {
  // both ways
  hello: [1, { v: "u8", server: "str", epoch: "int" }],
  ping: [2, { at: "int" }],
  pong: [3, { at: "int" }],
  /** gateway → channel: the topology by which it routes from here on; `hello` says the first */
  epoch: [4, { epoch: "int" }],
  // gateway → channel
  subscribe: [16, { chan: "u32", after: "int", id: "str" }],
  unsubscribe: [17, { chan: "u32" }],
  /** `taken`: when the gateway took it, see Hops; `trace`: the `traceparent` of who traces it, "" = nobody does */
  publish: [18, { req: "u32", chan: "u32", origin: "int", user: "str", key: "str", taken: "int", trace: "str", draft: "bytes" }],
  typing: [19, { chan: "u32", origin: "int", user: "str" }],
  /** bounds of the client's window, 0 = none: how old, in ms, and how many the events beyond `after` may be */
  read: [20, { req: "u32", chan: "u32", after: "int", limit: "u32", maxAgeMs: "u32", maxEvents: "u32" }],
  // channel → gateway
  /** events follow from offset `first` on; between the offset that was asked for and it are those that are not kept, or too many. May come again */
  subscribed: [32, { chan: "u32", head: "int", first: "int" }],
  event: [33, { chan: "u32", offset: "int", origin: "int", kind: "u8", taken: "int", received: "int", stored: "int", trace: "str", payload: "bytes" }],
  transient: [34, { chan: "u32", origin: "int", payload: "bytes" }],
  ack: [35, { req: "u32", offset: "int", ts: "str" }],
  /** `retryAfterMs`: it may be taken when sent again so much later; 0 = nobody knows */
  refused: [36, { req: "u32", reason: "str", detail: "str", retryAfterMs: "u32" }],
  moved: [37, { chan: "u32", epoch: "int", owner: "str" }],
  /** answer to `read`: `events` holds `event` records in order (decodeLink reads them); none where `after` is the head */
  batch: [38, { req: "u32", chan: "u32", head: "int", events: "bytes" }],
  /** answer to `read`: the events after `after` up to `from` are outside the window, or not kept; their ts ("" = not kept) say what to fetch instead */
  window: [39, { req: "u32", chan: "u32", from: "int", head: "int", afterTs: "str", fromTs: "str" }],
  // gateway → presence
  online: [48, { user: "str", manualAway: "u8", at: "int" }],
  offline: [49, { user: "str" }],
  watch: [50, { user: "str" }],
  unwatch: [51, { user: "str" }],
  /** every user that is online here and belongs to this server at that epoch (or a later one) was told before this */
  announced: [52, { epoch: "int" }],
  // presence → gateway
  presence: [64, { user: "str", active: "u8" }],
  manual: [65, { user: "str", away: "u8", at: "int" }],
} as const satisfies Record<string, readonly [number, Record<string, Field>]>;

type Frames = typeof frames;
type Value<F> = F extends "u8" | "u32" | "int" ? number : F extends "str" ? string : Uint8Array;
export type LinkFrameType = keyof Frames;
export type LinkFrame = {
  [T in LinkFrameType]: { readonly type: T } & { readonly [K in keyof Frames[T][1]]: Value<Frames[T][1][K]> };
}[LinkFrameType];
/** One frame type of the union, e.g. `Link<"event">`. */
export type Link<T extends LinkFrameType> = Extract<LinkFrame, { type: T }>;

type Row = readonly [LinkFrameType, readonly (readonly [string, Field])[]];
const byCode = new Map<number, Row>();
const byType = new Map<string, readonly [number, Row[1]]>();
for (const [type, [code, fields]] of Object.entries(frames) as [LinkFrameType, readonly [number, Record<string, Field>]][]) {
  const list = Object.entries(fields);
  byCode.set(code, [type, list]);
  byType.set(type, [code, list]);
}

type Loose = Record<string, number | string | Uint8Array>;

function sizeOf(fields: Row[1], frame: Loose): number {
  let size = 5;
  for (const [name, kind] of fields) {
    const value = frame[name];
    if (kind === "u8") size += 1;
    else if (kind === "u32") size += 4;
    else if (kind === "int") size += 8;
    else if (kind === "str") size += 2 + Buffer.byteLength(value as string);
    else size += (value as Uint8Array).length;
  }
  return size;
}

function write(out: Buffer, at: number, code: number, fields: Row[1], frame: Loose): number {
  const start = at;
  at += 4;
  out[at++] = code;
  for (const [name, kind] of fields) {
    const value = frame[name];
    if (kind === "u8") out[at++] = value as number;
    else if (kind === "u32") at = out.writeUInt32LE(value as number, at);
    else if (kind === "int") {
      out.writeUInt32LE((value as number) % 0x1_0000_0000, at);
      at = out.writeUInt32LE(Math.floor((value as number) / 0x1_0000_0000), at + 4);
    } else if (kind === "str") {
      const length = out.write(value as string, at + 2);
      out.writeUInt16LE(length, at);
      at += 2 + length;
    } else {
      out.set(value as Uint8Array, at);
      at += (value as Uint8Array).length;
    }
  }
  out.writeUInt32LE(at - start - 4, start);
  return at;
}

/** One WebSocket message holding `list` in order. Strings longer than 65,535 bytes are a programmer's fault. */
export function encodeLink(...list: readonly LinkFrame[]): Buffer {
  let size = 0;
  for (const frame of list) size += sizeOf(byType.get(frame.type)![1], frame as unknown as Loose);
  const out = Buffer.allocUnsafe(size);
  let at = 0;
  for (const frame of list) {
    const [code, fields] = byType.get(frame.type)!;
    at = write(out, at, code, fields, frame as unknown as Loose);
  }
  return out;
}

/**
 * The records of one WebSocket message. `bytes` fields are views of `data`.
 * @throws ProtocolError `bad_request` naming the first wrong record; the link is then closed with 1002.
 */
export function decodeLink(data: Uint8Array): LinkFrame[] {
  const buf = Buffer.from(data.buffer, data.byteOffset, data.length);
  const list: LinkFrame[] = [];
  let at = 0;
  while (at < buf.length) {
    if (at + 5 > buf.length) throw new ProtocolError("bad_request", `truncated record at byte ${at}`);
    const end = at + 4 + buf.readUInt32LE(at);
    if (end > buf.length || end < at + 5) throw new ProtocolError("bad_request", `record at byte ${at} has a wrong length`);
    const row = byCode.get(buf[at + 4]!);
    if (row === undefined) throw new ProtocolError("bad_request", `unknown record type ${buf[at + 4]} at byte ${at}`);
    list.push(readRecord(buf, at + 5, end, row));
    at = end;
  }
  return list;
}

function readRecord(buf: Buffer, at: number, end: number, [type, fields]: Row): LinkFrame {
  const frame: Loose = { type };
  const need = (bytes: number, name: string): void => {
    if (at + bytes > end) throw new ProtocolError("bad_request", `${type}.${name} is cut short`);
  };
  for (const [name, kind] of fields) {
    if (kind === "u8") {
      need(1, name);
      frame[name] = buf[at++]!;
    } else if (kind === "u32") {
      need(4, name);
      frame[name] = buf.readUInt32LE(at);
      at += 4;
    } else if (kind === "int") {
      need(8, name);
      const high = buf.readUInt32LE(at + 4);
      if (high > 0x1f_ffff) throw new ProtocolError("bad_request", `${type}.${name} is not a safe integer`);
      frame[name] = high * 0x1_0000_0000 + buf.readUInt32LE(at);
      at += 8;
    } else if (kind === "str") {
      need(2, name);
      const length = buf.readUInt16LE(at);
      at += 2;
      need(length, name);
      frame[name] = buf.toString("utf8", at, at + length);
      at += length;
    } else {
      frame[name] = buf.subarray(at, end);
      at = end;
    }
  }
  if (at !== end) throw new ProtocolError("bad_request", `${type} has ${end - at} bytes too many`);
  return frame as unknown as LinkFrame;
}
