import type { Entry } from "./log.ts";

/** `u8 kind, f64 origin, u8 length + ts, u16 length + key, payload`. The offset is in the database's key. */
export function encodeEntry(entry: Entry): Buffer {
  const key = Buffer.from(entry.key);
  const out = Buffer.allocUnsafe(12 + entry.ts.length + key.length + entry.payload.length);
  out[0] = entry.kind;
  out.writeDoubleLE(entry.origin, 1);
  out[9] = out.write(entry.ts, 10, "latin1");
  let at = out.writeUInt16LE(key.length, 10 + entry.ts.length);
  at += key.copy(out, at);
  out.set(entry.payload, at);
  return out;
}

/** The payload is a view of `bytes`. */
export function decodeEntry(offset: number, bytes: Buffer): Entry {
  const tsEnd = 10 + bytes[9]!;
  const keyEnd = tsEnd + 2 + bytes.readUInt16LE(tsEnd);
  return {
    offset,
    ts: bytes.toString("latin1", 10, tsEnd),
    kind: bytes[0]!,
    origin: bytes.readDoubleLE(1),
    key: bytes.toString("utf8", tsEnd + 2, keyEnd),
    payload: bytes.subarray(keyEnd),
  };
}
