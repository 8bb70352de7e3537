/** HTTP calls to a cluster of the host. */
import { Bytes } from "../bytes";
import { Status } from "../enums";
import { clearOut, outNumber, outU32 } from "../out";

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
  return httpCallWithBody(cluster, headers, headersLen, 0, 0, 0, 0, timeoutMs);
}

/** The same with a body, and with trailers (serialised pairs, or 0 and 0 for none). */
export function httpCallWithBody(
  cluster: Bytes,
  headers: usize,
  headersLen: i32,
  body: usize,
  bodyLen: i32,
  trailers: usize,
  trailersLen: i32,
  timeoutMs: u32,
): Status {
  clearOut();
  return proxy_http_call(
    cluster.ptr,
    cluster.len,
    headers,
    headersLen,
    body,
    bodyLen,
    trailers,
    trailersLen,
    timeoutMs,
    outNumber,
  );
}

/** The id of the call or gRPC stream that has just been started; 0 if it was refused. */
export function callId(): u32 {
  return outU32();
}
