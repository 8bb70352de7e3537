/**
 * The host's side of ABI 0.2.1: every import next to its wrapper, in the order of the specification. A wrapper adds only
 * two things: names as `Bytes`, and one place (`result`, `resultLen`, …) where a call leaves what the host gave back.
 */
import { Bytes } from "./bytes";
import { BufferType, LogLevel, MapType, MetricType, Status } from "./enums";

/** Out-parameters: the host writes here, the wrappers read. One set serves all, for a callback runs alone. */
const out: usize = memory.data(16);

/** What the last successful call gave back: arena memory, good until the callback ends. */
export function result(): usize {
  return load<u32>(out);
}

/** Its length in bytes. */
export function resultLen(): i32 {
  return load<i32>(out, 4);
}

function clearResult(): void {
  store<u64>(out, 0);
}

// --- Logging

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

// --- Clocks, timers, randomness

@external("env", "proxy_get_current_time_nanoseconds")
declare function proxy_get_current_time_nanoseconds(returnTime: usize): u32;

/** Wall-clock time in milliseconds since 1970, or 0 if the host has no clock. */
export function currentTimeMs(): u64 {
  store<u64>(out, 0, 8);
  proxy_get_current_time_nanoseconds(out + 8);
  return load<u64>(out, 8) / 1_000_000;
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
  store<u64>(out, 0, 8);
  random_get(out + 8, 8);
  return load<u64>(out, 8);
}

// --- Properties

@external("env", "proxy_get_property")
declare function proxy_get_property(path: usize, pathSize: u32, value: usize, valueSize: usize): u32;

/** Reads a property. @param path its segments with NUL bytes between them, e.g. `"node\0id"` */
export function getProperty(path: Bytes): Status {
  clearResult();
  return proxy_get_property(path.ptr, path.len, out, out + 4);
}

// --- Buffers

@external("env", "proxy_get_buffer_bytes")
declare function proxy_get_buffer_bytes(type: u32, start: u32, maxSize: u32, value: usize, valueSize: usize): u32;

/** Reads up to `maxSize` bytes of a buffer from `start` on. */
export function getBuffer(type: BufferType, start: u32, maxSize: u32): Status {
  clearResult();
  return proxy_get_buffer_bytes(type, start, maxSize, out, out + 4);
}

// --- HTTP fields

@external("env", "proxy_get_header_map_pairs")
declare function proxy_get_header_map_pairs(type: u32, value: usize, valueSize: usize): u32;

/** Reads a whole map; walk it with `PairReader`. */
export function getHeaderMap(type: MapType): Status {
  clearResult();
  return proxy_get_header_map_pairs(type, out, out + 4);
}

@external("env", "proxy_get_header_map_value")
declare function proxy_get_header_map_value(type: u32, key: usize, keySize: u32, value: usize, valueSize: usize): u32;

/** Reads one field. */
export function getHeader(type: MapType, key: Bytes): Status {
  clearResult();
  return proxy_get_header_map_value(type, key.ptr, key.len, out, out + 4);
}

@external("env", "proxy_add_header_map_value")
declare function proxy_add_header_map_value(type: u32, key: usize, keySize: u32, value: usize, valueSize: u32): u32;

/** Adds a field beside any of the same name. */
export function addHeader(type: MapType, key: Bytes, value: usize, valueLen: i32): Status {
  return proxy_add_header_map_value(type, key.ptr, key.len, value, valueLen);
}

@external("env", "proxy_replace_header_map_value")
declare function proxy_replace_header_map_value(type: u32, key: usize, keySize: u32, value: usize, valueSize: u32): u32;

/** Sets a field, in place of any of the same name. */
export function replaceHeader(type: MapType, key: Bytes, value: usize, valueLen: i32): Status {
  return proxy_replace_header_map_value(type, key.ptr, key.len, value, valueLen);
}

@external("env", "proxy_remove_header_map_value")
declare function proxy_remove_header_map_value(type: u32, key: usize, keySize: u32): u32;

/** Removes every field of that name. */
export function removeHeader(type: MapType, key: usize, keyLen: i32): Status {
  return proxy_remove_header_map_value(type, key, keyLen);
}

// --- Common HTTP

@external("env", "proxy_send_local_response")
declare function proxy_send_local_response(
  statusCode: u32,
  statusCodeDetails: usize,
  statusCodeDetailsSize: u32,
  body: usize,
  bodySize: u32,
  headers: usize,
  headersSize: u32,
  grpcStatus: i32,
): u32;

/**
 * Answers the running stream from here. The callback must return `Action.Pause` after it.
 * @param details a word for the access log (`%RESPONSE_CODE_DETAILS%`), without spaces
 * @param headers serialised pairs (`PairWriter`)
 */
export function sendLocalResponse(status: u32, details: Bytes, body: Bytes, headers: usize, headersLen: i32): Status {
  return proxy_send_local_response(
    status,
    details.ptr,
    details.len,
    body.ptr,
    body.len,
    headers,
    headersLen,
    -1,
  );
}

// --- HTTP calls

@external("env", "proxy_http_call")
declare function proxy_http_call(
  upstream: usize,
  upstreamSize: u32,
  headers: usize,
  headersSize: u32,
  body: usize,
  bodySize: u32,
  trailers: usize,
  trailersSize: u32,
  timeout: u32,
  returnCallId: usize,
): u32;

/**
 * Sends a request without a body to a cluster; the answer comes to `onHttpCallResponse` with `callId()`.
 * @param headers serialised pairs; `:method`, `:path` and `:authority` must be among them
 */
export function httpCall(cluster: Bytes, headers: usize, headersLen: i32, timeoutMs: u32): Status {
  store<u32>(out, 0, 8);
  return proxy_http_call(cluster.ptr, cluster.len, headers, headersLen, 0, 0, 0, 0, timeoutMs, out + 8);
}

/** The id of the call that `httpCall` has just started. */
export function callId(): u32 {
  return load<u32>(out, 8);
}

// --- Shared data (one store per `vm_id`, for all VMs of the process)

@external("env", "proxy_get_shared_data")
declare function proxy_get_shared_data(key: usize, keySize: u32, value: usize, valueSize: usize, cas: usize): u32;

/** Reads a value; `sharedCas()` is its version. */
export function getSharedData(key: Bytes): Status {
  clearResult();
  store<u32>(out, 0, 8);
  return proxy_get_shared_data(key.ptr, key.len, out, out + 4, out + 8);
}

/** The version of the value that `getSharedData` has just read. */
export function sharedCas(): u32 {
  return load<u32>(out, 8);
}

@external("env", "proxy_set_shared_data")
declare function proxy_set_shared_data(key: usize, keySize: u32, value: usize, valueSize: u32, cas: u32): u32;

/** Writes a value. @param cas the version to replace (`Status.CasMismatch` if it is another by now), or 0 for any */
export function setSharedData(key: Bytes, value: usize, valueLen: i32, cas: u32): Status {
  return proxy_set_shared_data(key.ptr, key.len, value, valueLen, cas);
}

// --- Metrics

@external("env", "proxy_define_metric")
declare function proxy_define_metric(type: u32, name: usize, nameSize: u32, returnMetricId: usize): u32;

/** Defines a metric (or finds it, if it exists) and gives its id, or 0 where the host refuses it. */
export function defineMetric(type: MetricType, name: Bytes): u32 {
  store<u32>(out, 0, 8);
  const status = proxy_define_metric(type, name.ptr, name.len, out + 8);
  return status == Status.Ok ? load<u32>(out, 8) : 0;
}

@external("env", "proxy_record_metric")
declare function proxy_record_metric(metricId: u32, value: u64): u32;

/** Sets a gauge, or adds a sample to a histogram. */
export function recordMetric(metricId: u32, value: u64): Status {
  return proxy_record_metric(metricId, value);
}

@external("env", "proxy_increment_metric")
declare function proxy_increment_metric(metricId: u32, offset: i64): u32;

/** Adds to a counter or a gauge. */
export function incrementMetric(metricId: u32, offset: i64): Status {
  return proxy_increment_metric(metricId, offset);
}
