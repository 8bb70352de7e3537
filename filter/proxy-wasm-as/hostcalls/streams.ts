/** Operations on contexts and streams: which one is meant, going on, closing, answering from here. */
import { Bytes } from "../bytes";
import { Status, StreamType } from "../enums";
import { clearOut, out, outNumber, outU32 } from "../out";

@external("env", "proxy_set_effective_context")
declare function proxy_set_effective_context(contextId: u32): u32;

/**
 * Has the calls that follow in this callback mean another context: a stream, say, when the answer to its call has come.
 * `Status.BadArgument` means that the stream has ended in the meantime: do nothing more for it.
 */
export function setEffectiveContext(contextId: u32): Status {
  return proxy_set_effective_context(contextId);
}

@external("env", "proxy_done")
declare function proxy_done(): u32;

/** Lets the host delete the context whose `onDone` or `onStreamDone` gave false. */
export function done(): Status {
  return proxy_done();
}

@external("env", "proxy_continue_stream")
declare function proxy_continue_stream(streamType: u32): u32;

/** Goes on with what `Action.Pause` has stopped. */
export function continueStream(type: StreamType): Status {
  return proxy_continue_stream(type);
}

@external("env", "proxy_close_stream")
declare function proxy_close_stream(streamType: u32): u32;

/** Closes or resets. */
export function closeStream(type: StreamType): Status {
  return proxy_close_stream(type);
}

@external("env", "proxy_get_status")
declare function proxy_get_status(returnStatusCode: usize, returnMessage: usize, returnMessageSize: usize): u32;

/** How the call ended whose callback runs: `statusCode()`, and a message at `result()`. */
export function getStatus(): Status {
  clearOut();
  return proxy_get_status(outNumber, out, out + 4);
}

/** The code that `getStatus` has just read. */
export function statusCode(): u32 {
  return outU32();
}

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
 * Answers the running stream from here. A stream callback must return `Action.Pause` after it.
 * @param details a word for the access log (`%RESPONSE_CODE_DETAILS%`), without spaces
 * @param headers serialised pairs (`PairWriter`)
 * @param grpcStatus for gRPC requests; -1 leaves it to the host
 */
export function sendLocalResponse(
  status: u32,
  details: Bytes,
  body: Bytes,
  headers: usize,
  headersLen: i32,
  grpcStatus: i32 = -1,
): Status {
  return proxy_send_local_response(
    status,
    details.ptr,
    details.len,
    body.ptr,
    body.len,
    headers,
    headersLen,
    grpcStatus,
  );
}
