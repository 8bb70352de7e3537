/** Answers to HTTP and gRPC calls. They come to the root context; one whose root is gone is dropped. */
import * as dispatcher from "../dispatcher";
import { arenaReset, collectIfAsked } from "../memory";

export function proxy_on_http_call_response(
  contextId: u32,
  callId: u32,
  headers: u32,
  bodySize: u32,
  trailers: u32,
): void {
  arenaReset();
  const root = dispatcher.rootById(contextId);
  if (root != null) root.onHttpCallResponse(callId, headers, bodySize);
  collectIfAsked();
}

export function proxy_on_grpc_receive_initial_metadata(contextId: u32, callId: u32, elements: u32): void {
  arenaReset();
  const root = dispatcher.rootById(contextId);
  if (root != null) root.onGrpcReceiveInitialMetadata(callId, elements);
  collectIfAsked();
}

export function proxy_on_grpc_receive(contextId: u32, callId: u32, messageSize: u32): void {
  arenaReset();
  const root = dispatcher.rootById(contextId);
  if (root != null) root.onGrpcReceive(callId, messageSize);
  collectIfAsked();
}

export function proxy_on_grpc_receive_trailing_metadata(contextId: u32, callId: u32, elements: u32): void {
  arenaReset();
  const root = dispatcher.rootById(contextId);
  if (root != null) root.onGrpcReceiveTrailingMetadata(callId, elements);
  collectIfAsked();
}

export function proxy_on_grpc_close(contextId: u32, callId: u32, statusCode: u32): void {
  arenaReset();
  const root = dispatcher.rootById(contextId);
  if (root != null) root.onGrpcClose(callId, statusCode);
  collectIfAsked();
}
