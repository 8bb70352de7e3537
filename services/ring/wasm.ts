/** build/ring.wasm, typed, with its byte area. One instance per cluster key. */
import { readFile } from "node:fs/promises";
import { instantiate, type ASUtil } from "@assemblyscript/loader";
import type { ClusterKey } from "./key.ts";

/** A pointer to a decoded topology inside the wasm; 0 is none. */
export type Handle = number;

interface Exports extends Record<string, unknown> {
  readonly memory: { readonly buffer: ArrayBuffer };
  setKey(k0: bigint, k1: bigint): void;
  keyId(): number;
  inputPtr(): number;
  inputBytes(): number;
  outputPtr(): number;
  hash13(len: number): bigint;
  hash24(len: number): bigint;
  slot(len: number): number;
  decode(len: number): Handle;
  topologyError(): number;
  owner(topology: Handle, pool: number, slot: number): number;
  preference(topology: Handle, pool: number, slot: number, k: number, zoneLen: number): number;
  fillTable(topology: Handle, pool: number, from: number, to: number): void;
  bid(h: bigint): bigint;
  beats(hA: bigint, weightA: number, indexA: number, hB: bigint, weightB: number, indexB: number): number;
}

export class RingWasm {
  readonly exports: ASUtil & Exports;
  /** What the wasm reads; made anew by `refresh`. */
  input: Uint8Array;
  /** Server numbers that the wasm writes. */
  output: Uint16Array;
  readonly #encoder = new TextEncoder();

  private constructor(exports: ASUtil & Exports) {
    this.exports = exports;
    this.input = new Uint8Array();
    this.output = new Uint16Array();
    this.refresh();
  }

  /** @throws Error where `build/ring.wasm` is missing (`npm run build` makes it) */
  static async load(key: ClusterKey): Promise<RingWasm> {
    const bytes = await readFile(new URL("../../build/ring.wasm", import.meta.url));
    const { exports } = await instantiate<Exports>(bytes);
    exports.setKey(key.k0, key.k1);
    return new RingWasm(exports);
  }

  /** The memory may have grown after `decode`, which detaches every view of it. */
  refresh(): void {
    const { memory, inputPtr, inputBytes, outputPtr } = this.exports;
    this.input = new Uint8Array(memory.buffer, inputPtr(), inputBytes());
    this.output = new Uint16Array(memory.buffer, outputPtr(), 16);
  }

  /**
   * Puts bytes into the input area.
   * @throws RangeError where they are more than it holds (256 KiB)
   */
  putBytes(bytes: Uint8Array): number {
    if (bytes.length > this.input.length) throw new RangeError(`more than ${this.input.length} bytes to hash`);
    this.input.set(bytes);
    return bytes.length;
  }

  /**
   * Puts a string's UTF-8 into the input area and returns its length in bytes.
   * @throws RangeError where it is more than that holds (256 KiB)
   */
  putText(text: string): number {
    const { input } = this;
    const length = text.length;
    if (length <= 64) {
      // IDs are short and ASCII: a loop is several times faster than the encoder.
      let i = 0;
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code > 0x7f) break;
        input[i] = code;
      }
      if (i === length) return length;
    }
    const { read, written } = this.#encoder.encodeInto(text, input);
    if (read < length) throw new RangeError(`more than ${input.length} bytes to hash`);
    return written;
  }
}
