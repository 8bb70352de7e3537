/** The bytes of a message: its ID at a place that is found at once, whatever the system wrapped around it. */
import { PAYLOAD_BYTES } from "../shape.ts";

const MARK = Buffer.from("id=");
const DIGITS = 9;

/** A message of PAYLOAD_BYTES of plain ASCII that needs no escaping anywhere. @param wrap what it is put into, in the same bytes: `{"text":"` and `"}` */
export class Payload {
  readonly bytes: Buffer;
  readonly #at: number;

  constructor([before, after]: readonly [string, string] = ["", ""]) {
    const text = `${MARK.toString()}${"0".repeat(DIGITS)};`;
    this.bytes = Buffer.from(before + text.padEnd(PAYLOAD_BYTES - before.length - after.length, "Lorem ipsum dolor sit amet, ") + after, "latin1");
    this.#at = before.length + MARK.length;
  }

  /** The message `id`; the buffer is used again by the next call. */
  of(id: number): Buffer {
    for (let at = this.#at + DIGITS - 1, rest = id; at >= this.#at; at--, rest = Math.floor(rest / 10)) this.bytes[at] = 48 + (rest % 10);
    return this.bytes;
  }
}

/** Finds the ID in what a system delivers; it stands where it stood the last time, or it is looked for. */
export class IdReader {
  #offset = 0;

  /** @returns the ID, or 0: this is something else than a message */
  read(data: Buffer, start: number, end: number): number {
    let at = start + this.#offset;
    if (!this.#isHere(data, at, end)) {
      at = data.indexOf(MARK, start);
      if (at < 0 || !this.#isHere(data, at, end)) return 0;
      this.#offset = at - start;
    }
    let id = 0;
    for (let digit = at + MARK.length; digit < at + MARK.length + DIGITS; digit++) id = id * 10 + data[digit]! - 48;
    return id;
  }

  #isHere(data: Buffer, at: number, end: number): boolean {
    return at + MARK.length + DIGITS <= end && data[at] === MARK[0] && data[at + 1] === MARK[1] && data[at + 2] === MARK[2];
  }
}
