/** A module's memory, as a host sees it. */

/** What the host needs of a module to write into its memory. */
export interface GuestExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  proxy_on_memory_allocate(size: number): number;
}

/** Bytes outside of the memory throw a RangeError; the host answers the call with a status for it. */
export class GuestMemory {
  readonly #exports: GuestExports;

  constructor(exports: GuestExports) {
    this.#exports = exports;
  }

  get size(): number {
    return this.#exports.memory.buffer.byteLength;
  }

  /** A view; the next call into the module may make it stale. */
  bytes(ptr: number, size: number): Buffer {
    return Buffer.from(this.#exports.memory.buffer, ptr >>> 0, size >>> 0);
  }

  /** Bytes as they are, one character each. */
  text(ptr: number, size: number): string {
    return this.bytes(ptr, size).toString("latin1");
  }

  u32(ptr: number, value: number): void {
    this.bytes(ptr, 4).writeUInt32LE(value);
  }

  u64(ptr: number, value: bigint): void {
    this.bytes(ptr, 8).writeBigUInt64LE(value);
  }

  /** Hands bytes over: memory from the module, filled; where and how many goes to the out-parameters. As in Envoy, nothing is no memory. */
  give(value: Uint8Array, ptrPtr: number, sizePtr: number): void {
    const ptr = value.length === 0 ? 0 : this.#exports.proxy_on_memory_allocate(value.length) >>> 0;
    if (value.length > 0) this.bytes(ptr, value.length).set(value);
    this.u32(ptrPtr, ptr);
    this.u32(sizePtr, value.length);
  }
}
