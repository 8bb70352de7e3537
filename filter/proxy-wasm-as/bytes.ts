/** Bytes outside of the managed heap. Host calls take and give UTF-8 pointers; AssemblyScript strings are UTF-16. */

/** An address and a length. Neither traced nor freed: make it once, at start, for a name that lives for ever. */
@unmanaged
export class Bytes {
  ptr: usize = 0;
  len: i32 = 0;

  /** The UTF-8 form of `text`, kept for ever. For constants and configuration, never per request. */
  static of(text: string): Bytes {
    const bytes = new Bytes();
    bytes.len = String.UTF8.byteLength(text);
    bytes.ptr = heap.alloc(bytes.len + 8);
    String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, bytes.ptr);
    return bytes;
  }

  /** A copy of `len` bytes at `ptr`, kept for ever. */
  static copy(ptr: usize, len: i32): Bytes {
    const bytes = new Bytes();
    bytes.len = len;
    bytes.ptr = heap.alloc(len + 8);
    memory.copy(bytes.ptr, ptr, len);
    return bytes;
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
