/** gRPC calls and streams. Their events come to the root context: `onGrpcReceive` and its neighbours. */
import { Bytes } from "../bytes";
import { Status } from "../enums";
import { clearOut, outNumber } from "../out";

@external("env", "proxy_grpc_call")
declare function proxy_grpc_call(
  upstream: usize,
  upstreamSize: u32,
  service: usize,
  serviceSize: u32,
  method: usize,
  methodSize: u32,
  initialMetadata: usize,
  initialMetadataSize: u32,
  message: usize,
  messageSize: u32,
  timeout: u32,
  returnCallId: usize,
): u32;

/**
 * Sends one message and awaits one; `callId()` is the call's id.
 * @param upstream a cluster's name (Envoy also takes a serialised `GrpcService`)
 * @param metadata serialised pairs, or 0 and 0 for none
 */
export function grpcCall(
  upstream: Bytes,
  service: Bytes,
  method: Bytes,
  metadata: usize,
  metadataLen: i32,
  message: usize,
  messageLen: i32,
  timeoutMs: u32,
): Status {
  clearOut();
  return proxy_grpc_call(
    upstream.ptr,
    upstream.len,
    service.ptr,
    service.len,
    method.ptr,
    method.len,
    metadata,
    metadataLen,
    message,
    messageLen,
    timeoutMs,
    outNumber,
  );
}

@external("env", "proxy_grpc_stream")
declare function proxy_grpc_stream(
  upstream: usize,
  upstreamSize: u32,
  service: usize,
  serviceSize: u32,
  method: usize,
  methodSize: u32,
  initialMetadata: usize,
  initialMetadataSize: u32,
  returnStreamId: usize,
): u32;

/** Opens a stream of messages; `callId()` is its id. */
export function grpcStream(
  upstream: Bytes,
  service: Bytes,
  method: Bytes,
  metadata: usize,
  metadataLen: i32,
): Status {
  clearOut();
  return proxy_grpc_stream(
    upstream.ptr,
    upstream.len,
    service.ptr,
    service.len,
    method.ptr,
    method.len,
    metadata,
    metadataLen,
    outNumber,
  );
}

@external("env", "proxy_grpc_send")
declare function proxy_grpc_send(streamId: u32, message: usize, messageSize: u32, endStream: u32): u32;

/** Sends a message on a stream. @param endStream the last one from here */
export function grpcSend(streamId: u32, message: usize, messageLen: i32, endStream: bool): Status {
  return proxy_grpc_send(streamId, message, messageLen, endStream ? 1 : 0);
}

@external("env", "proxy_grpc_cancel")
declare function proxy_grpc_cancel(callOrStreamId: u32): u32;

/** Gives a call or stream up at once. */
export function grpcCancel(callOrStreamId: u32): Status {
  return proxy_grpc_cancel(callOrStreamId);
}

@external("env", "proxy_grpc_close")
declare function proxy_grpc_close(callOrStreamId: u32): u32;

/** Ends a call or stream in order. */
export function grpcClose(callOrStreamId: u32): Status {
  return proxy_grpc_close(callOrStreamId);
}
