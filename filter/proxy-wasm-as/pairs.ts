/**
 * The ABI's serialised map (`proxy_get_header_map_pairs` and every call that takes headers):
 * u32 count, then per pair u32 name length and u32 value length, then per pair the name, NUL, the value, NUL.
 */
import { Bytes } from "./bytes";

/**
 * A cursor over serialised pairs that the host handed over. One object, made at start, serves every request. It never
 * reads outside of `[ptr, ptr + len)`, whatever the host wrote there.
 */
@unmanaged
export class PairReader {
  private left: u32 = 0;
  private sizes: usize = 0;
  private data: usize = 0;
  private end: usize = 0;
  name: usize = 0;
  nameLen: i32 = 0;
  value: usize = 0;
  valueLen: i32 = 0;

  /** Starts over on new pairs; false if they are too short to be any. */
  open(ptr: usize, len: i32): bool {
    this.left = 0;
    if (len < 4) return false;
    const count = load<u32>(ptr);
    if (count > <u32>(len - 4) / 8) return false;
    this.left = count;
    this.sizes = ptr + 4;
    this.data = this.sizes + <usize>count * 8;
    this.end = ptr + len;
    return true;
  }

  /** Moves to the next pair; false when there is none or it does not fit. */
  next(): bool {
    if (this.left == 0) return false;
    this.left--;
    const nameLen = load<u32>(this.sizes);
    const valueLen = load<u32>(this.sizes, 4);
    this.sizes += 8;
    const need = <u64>nameLen + <u64>valueLen + 2;
    if (need > <u64>(this.end - this.data)) {
      this.left = 0;
      return false;
    }
    this.name = this.data;
    this.nameLen = <i32>nameLen;
    this.value = this.data + nameLen + 1;
    this.valueLen = <i32>valueLen;
    this.data += <usize>need;
    return true;
  }
}

/** Builds serialised pairs in a buffer of its own, made once and used again and again. It never writes outside of it. */
export class PairWriter {
  private buffer: StaticArray<u8>;
  private size: usize = 0;
  private data: usize = 0;
  private left: i32 = 0;
  /** The serialised pairs. */
  readonly ptr: usize;
  len: i32 = 0;
  /** False if something did not fit: what is there is well-formed, but not what was meant. */
  complete: bool = true;

  /** @param capacity bytes of the result at most */
  constructor(capacity: i32) {
    this.buffer = new StaticArray<u8>(max(capacity, 4));
    this.ptr = changetype<usize>(this.buffer);
  }

  /** Starts over; exactly `count` calls of `add` must follow. */
  begin(count: i32): void {
    this.complete = count >= 0 && count <= (this.buffer.length - 4) / 10;
    this.left = this.complete ? count : 0;
    this.len = 4 + this.left * 8;
    store<u32>(this.ptr, this.left);
    this.size = this.ptr + 4;
    this.data = this.ptr + this.len;
  }

  /** Adds one pair. One that does not fit is written without its value, or without both, so that the result stays well-formed. */
  add(name: Bytes, value: usize, valueLen: i32): void {
    if (this.left == 0) {
      this.complete = false;
      return;
    }
    const room = this.buffer.length - this.len - 2 * this.left;
    const nameSize = name.len <= room ? name.len : 0;
    const valueSize = valueLen <= room - name.len ? valueLen : 0;
    if (nameSize != name.len || valueSize != valueLen) this.complete = false;
    this.left--;
    store<u32>(this.size, nameSize);
    store<u32>(this.size, valueSize, 4);
    this.size += 8;
    memory.copy(this.data, name.ptr, nameSize);
    store<u8>(this.data + nameSize, 0);
    memory.copy(this.data + nameSize + 1, value, valueSize);
    store<u8>(this.data + nameSize + 1 + valueSize, 0);
    this.data += nameSize + valueSize + 2;
    this.len += nameSize + valueSize + 2;
  }
}
