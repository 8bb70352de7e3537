/** Buffers: bodies, TCP data, messages, configurations. Each exists only in its own callbacks. */
import { BufferType, Status } from "../enums";
import { clearOut, out, outNumber, outU32 } from "../out";

@external("env", "proxy_set_buffer_bytes")
declare function proxy_set_buffer_bytes(type: u32, start: u32, size: u32, value: usize, valueSize: u32): u32;

/**
 * Puts `value` in place of `size` bytes from `start` on. `start` = `size` = 0 prepends; a `start` at or behind the end appends.
 */
export function setBuffer(type: BufferType, start: u32, size: u32, value: usize, valueLen: i32): Status {
  return proxy_set_buffer_bytes(type, start, size, value, valueLen);
}

@external("env", "proxy_get_buffer_bytes")
declare function proxy_get_buffer_bytes(type: u32, start: u32, maxSize: u32, value: usize, valueSize: usize): u32;

/** Reads up to `maxSize` bytes of a buffer from `start` on. */
export function getBuffer(type: BufferType, start: u32, maxSize: u32): Status {
  clearOut();
  return proxy_get_buffer_bytes(type, start, maxSize, out, out + 4);
}

@external("env", "proxy_get_buffer_status")
declare function proxy_get_buffer_status(type: u32, returnBufferSize: usize, returnIgnored: usize): u32;

/** Asks for a buffer's size, without its bytes: `bufferSize()`. */
export function getBufferStatus(type: BufferType): Status {
  clearOut();
  return proxy_get_buffer_status(type, outNumber, outNumber + 4);
}

/** The size that `getBufferStatus` has just found. */
export function bufferSize(): u32 {
  return outU32();
}
