/** Logging: `proxy_log`, `proxy_get_log_level`, and WASI's `fd_write`. */
import { Errno, Fd, LogLevel, Status } from "../enums";
import { clearOut, outNumber, outU32 } from "../out";

@external("env", "proxy_log")
declare function proxy_log(level: u32, message: usize, messageSize: u32): u32;

/** Logs a text. It makes garbage, so it is for what happens seldom. */
export function log(level: LogLevel, message: string): Status {
  const size = String.UTF8.byteLength(message);
  const ptr = heap.alloc(size + 1);
  String.UTF8.encodeUnsafe(changetype<usize>(message), message.length, ptr);
  const status = proxy_log(level, ptr, size);
  heap.free(ptr);
  return status;
}

/** Logs UTF-8 bytes, and allocates nothing. */
export function logBytes(level: LogLevel, ptr: usize, len: i32): Status {
  return proxy_log(level, ptr, len);
}

@external("env", "proxy_get_log_level")
declare function proxy_get_log_level(returnLogLevel: usize): u32;

/** The host's log level, so that a text nobody would see need not be made; `Trace` if the host does not say. */
export function getLogLevel(): LogLevel {
  clearOut();
  return proxy_get_log_level(outNumber) == Status.Ok ? <LogLevel>outU32() : LogLevel.Trace;
}

@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: u32, iovec: usize, iovecSize: u32, returnWrittenBytes: usize): u32;

const iovec: usize = memory.data(8);

/** Logs bytes by way of WASI: `Fd.Stdout` at the level Info, `Fd.Stderr` at Error. */
export function fdWrite(fd: Fd, ptr: usize, len: i32): Errno {
  store<u32>(iovec, ptr);
  store<u32>(iovec, len, 4);
  return fd_write(fd, iovec, 1, outNumber);
}
