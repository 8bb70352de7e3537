/** Clocks, timers, randomness and environment. */
import { ClockId, Errno, Status } from "../enums";
import { arenaAlloc } from "../memory";
import { clearOut, out, outNumber, outU32, outU64 } from "../out";

@external("env", "proxy_get_current_time_nanoseconds")
declare function proxy_get_current_time_nanoseconds(returnTime: usize): u32;

/** Wall-clock time in milliseconds since 1970, or 0 if the host has no clock. */
export function currentTimeMs(): u64 {
  clearOut();
  proxy_get_current_time_nanoseconds(outNumber);
  return outU64() / 1_000_000;
}

@external("wasi_snapshot_preview1", "clock_time_get")
declare function clock_time_get(clockId: u32, ignored: u64, returnTime: usize): u32;

/** Nanoseconds of a clock; 0 if the host has no such clock. The specification prefers it to `currentTimeMs`. */
export function clockTimeNs(clock: ClockId): u64 {
  clearOut();
  return clock_time_get(clock, 0, outNumber) == Errno.Success ? outU64() : 0;
}

@external("env", "proxy_set_tick_period_milliseconds")
declare function proxy_set_tick_period_milliseconds(period: u32): u32;

/** Has `onTick` of the running root context called every `periodMs` (0 stops it). */
export function setTickPeriod(periodMs: u32): Status {
  return proxy_set_tick_period_milliseconds(periodMs);
}

@external("wasi_snapshot_preview1", "random_get")
declare function random_get(buffer: usize, size: u32): u32;

/** 64 random bits from the host. */
export function randomBits(): u64 {
  clearOut();
  random_get(outNumber, 8);
  return outU64();
}

/** Fills `len` bytes at `ptr` with randomness. */
export function randomBytes(ptr: usize, len: i32): Errno {
  return random_get(ptr, len);
}

@external("wasi_snapshot_preview1", "environ_sizes_get")
declare function environ_sizes_get(returnNumElements: usize, returnBufferSize: usize): u32;

@external("wasi_snapshot_preview1", "environ_get")
declare function environ_get(returnArray: usize, returnBuffer: usize): u32;

/** Reads the environment that the VM was given: `result()` is `NAME=value` texts, each with a NUL after it. */
export function getEnvironment(): Errno {
  clearOut();
  const errno = environ_sizes_get(outNumber, outNumber + 4);
  if (errno != Errno.Success) return errno;
  const count = outU32();
  const size = load<u32>(outNumber, 4);
  if (size == 0) return Errno.Success;
  const pointers = arenaAlloc(<usize>count * 4);
  const texts = arenaAlloc(size);
  const read: Errno = environ_get(pointers, texts);
  if (read == Errno.Success) {
    store<u32>(out, texts);
    store<u32>(out, size, 4);
  }
  return read;
}
