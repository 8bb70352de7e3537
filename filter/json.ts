/**
 * A strict JSON reader for small documents of a known shape (the plugin configuration). It reads what it is asked for
 * or says no; nothing makes it trap, and it never reads outside of its bytes.
 */
export class JsonReader {
  private end: usize;

  constructor(private at: usize, len: i32) {
    this.end = at + len;
  }

  /** The next byte that is not white space, unread; 0 at the end. */
  peek(): u8 {
    while (this.at < this.end) {
      const byte = load<u8>(this.at);
      if (byte != 0x20 && byte != 0x0a && byte != 0x0d && byte != 0x09) return byte;
      this.at++;
    }
    return 0;
  }

  /** Reads the byte `wanted` after any white space; false (and nothing read) if another stands there. */
  take(wanted: u8): bool {
    if (this.peek() != wanted) return false;
    this.at++;
    return true;
  }

  /** Is there nothing left but white space? */
  done(): bool {
    this.peek();
    return this.at == this.end;
  }

  /** Reads a string; null if there is none or it is malformed. */
  text(): string | null {
    if (!this.take(0x22)) return null;
    let text = "";
    let start = this.at;
    while (this.at < this.end) {
      const byte = load<u8>(this.at);
      if (byte < 0x20) return null;
      if (byte == 0x22) {
        text += String.UTF8.decodeUnsafe(start, this.at - start);
        this.at++;
        return text;
      }
      if (byte != 0x5c) {
        this.at++;
        continue;
      }
      text += String.UTF8.decodeUnsafe(start, this.at - start);
      const char = this.escape();
      if (char < 0) return null;
      text += String.fromCharCode(char);
      start = this.at;
    }
    return null;
  }

  /** Reads the escape at `at`; -1 if it is none. */
  private escape(): i32 {
    if (this.end - this.at < 2) return -1;
    const kind = load<u8>(this.at, 1);
    this.at += 2;
    switch (kind) {
      case 0x22: case 0x5c: case 0x2f: return kind;
      case 0x62: return 0x08;
      case 0x66: return 0x0c;
      case 0x6e: return 0x0a;
      case 0x72: return 0x0d;
      case 0x74: return 0x09;
      case 0x75: return this.codeUnit();
      default: return -1;
    }
  }

  private codeUnit(): i32 {
    if (this.end - this.at < 4) return -1;
    let unit = 0;
    for (let i = 0; i < 4; i++) {
      const digit = hexDigit(load<u8>(this.at++));
      if (digit < 0) return -1;
      unit = (unit << 4) | digit;
    }
    return unit;
  }

  /** Reads `true` (1) or `false` (0); -1 for anything else. */
  flag(): i32 {
    const wanted = this.peek() == 0x74 ? "true" : "false";
    if (this.end - this.at < <usize>wanted.length) return -1;
    for (let i = 0; i < wanted.length; i++) if (load<u8>(this.at + i) != wanted.charCodeAt(i)) return -1;
    this.at += wanted.length;
    return wanted == "true" ? 1 : 0;
  }

  /** Reads a whole number 0..2^31-1; -1 for anything else. */
  wholeNumber(): i32 {
    const first = this.peek();
    if (first < 0x30 || first > 0x39) return -1;
    let value: i64 = 0;
    let digits = 0;
    while (this.at < this.end) {
      const byte = load<u8>(this.at);
      if (byte == 0x2e || byte == 0x65 || byte == 0x45) return -1;
      if (byte < 0x30 || byte > 0x39) break;
      value = value * 10 + (byte - 0x30);
      digits++;
      this.at++;
      if (value > i32.MAX_VALUE) return -1;
    }
    return first == 0x30 && digits > 1 ? -1 : <i32>value;
  }
}

/** The value of a hexadecimal digit, or -1. */
export function hexDigit(byte: u32): i32 {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}
