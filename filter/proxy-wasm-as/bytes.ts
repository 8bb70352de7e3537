/** Bytes with an address. Host calls take and give UTF-8 pointers; AssemblyScript strings are UTF-16. */

/** Bytes of one's own: make them once, for a name or a configured text, and never per request. They do not move. */
export class Bytes {
  readonly ptr: usize;
  readonly len: i32;

  private constructor(private buffer: ArrayBuffer) {
    this.ptr = changetype<usize>(buffer);
    this.len = buffer.byteLength;
  }

  /** The UTF-8 form of `text`. */
  static of(text: string): Bytes {
    return new Bytes(String.UTF8.encode(text));
  }

  /** A copy of `len` bytes at `ptr`. */
  static copy(ptr: usize, len: i32): Bytes {
    const buffer = new ArrayBuffer(len);
    memory.copy(changetype<usize>(buffer), ptr, len);
    return new Bytes(buffer);
  }

  toString(): string {
    return String.UTF8.decodeUnsafe(this.ptr, this.len);
  }
}

/** Are the two ranges the same bytes? */
export function bytesEqual(a: usize, aLen: i32, b: usize, bLen: i32): bool {
  return aLen == bLen && memory.compare(a, b, aLen) == 0;
}

/**
 * Does the range begin with `prefix`, letters compared without case?
 * @param prefix lower-case ASCII
 */
export function startsWithIgnoringCase(ptr: usize, len: i32, prefix: Bytes): bool {
  if (len < prefix.len) return false;
  for (let i = 0; i < prefix.len; i++) {
    let byte = load<u8>(ptr + i);
    if (byte >= 0x41 && byte <= 0x5a) byte |= 0x20;
    if (byte != load<u8>(prefix.ptr + i)) return false;
  }
  return true;
}

/** Writes `value` in decimal at `ptr` (up to 20 bytes) and gives the number of bytes written. */
export function writeDecimal(ptr: usize, value: u64): i32 {
  let digits = 1;
  for (let rest = value / 10; rest != 0; rest /= 10) digits++;
  let at = ptr + digits;
  do {
    store<u8>(--at, <u8>(0x30 + value % 10));
    value /= 10;
  } while (value != 0);
  return digits;
}
