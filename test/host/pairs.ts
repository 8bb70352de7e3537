/** The ABI's serialised maps. Bytes are kept as they are (latin1), for headers need not be UTF-8. */
export type Pairs = (readonly [string, string])[];

export function encodePairs(pairs: Pairs): Buffer {
  const parts: Buffer[] = [];
  const head = Buffer.alloc(4 + 8 * pairs.length);
  head.writeUInt32LE(pairs.length);
  pairs.forEach(([name, value], i) => {
    head.writeUInt32LE(name.length, 4 + 8 * i);
    head.writeUInt32LE(value.length, 8 + 8 * i);
    parts.push(Buffer.from(`${name}\0${value}\0`, "latin1"));
  });
  return Buffer.concat([head, ...parts]);
}

/** @throws RangeError on bytes that are no map */
export function decodePairs(bytes: Buffer): Pairs {
  const count = bytes.readUInt32LE(0);
  let at = 4 + 8 * count;
  const text = (length: number): string => {
    if (at + length + 1 > bytes.length || bytes[at + length] !== 0) throw new RangeError("a pair is cut short");
    const value = bytes.toString("latin1", at, at + length);
    at += length + 1;
    return value;
  };
  const pairs: Pairs = [];
  for (let i = 0; i < count; i++) pairs.push([text(bytes.readUInt32LE(4 + 8 * i)), text(bytes.readUInt32LE(8 + 8 * i))]);
  if (at !== bytes.length) throw new RangeError("bytes follow the last pair");
  return pairs;
}
