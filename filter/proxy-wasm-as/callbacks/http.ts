/** HTTP streams, request and response. A stream whose root is gone passes untouched. */
import * as dispatcher from "../dispatcher";
import { Action } from "../enums";
import { arenaReset, collectIfAsked } from "../memory";

export function proxy_on_request_headers(contextId: u32, headers: u32, endOfStream: u32): u32 {
  arenaReset();
  const root = dispatcher.rootOfStream(contextId);
  const action = root == null ? Action.Continue : root.onRequestHeaders(contextId, headers, endOfStream != 0);
  collectIfAsked();
  return action;
}

export function proxy_on_request_body(contextId: u32, bodySize: u32, endOfStream: u32): u32 {
  arenaReset();
  const root = dispatcher.rootOfStream(contextId);
  const action = root == null ? Action.Continue : root.onRequestBody(contextId, bodySize, endOfStream != 0);
  collectIfAsked();
  return action;
}

export function proxy_on_request_trailers(contextId: u32, trailers: u32): u32 {
  arenaReset();
  const root = dispatcher.rootOfStream(contextId);
  const action = root == null ? Action.Continue : root.onRequestTrailers(contextId, trailers);
  collectIfAsked();
  return action;
}

export function proxy_on_response_headers(contextId: u32, headers: u32, endOfStream: u32): u32 {
  arenaReset();
  const root = dispatcher.rootOfStream(contextId);
  const action = root == null ? Action.Continue : root.onResponseHeaders(contextId, headers, endOfStream != 0);
  collectIfAsked();
  return action;
}

export function proxy_on_response_body(contextId: u32, bodySize: u32, endOfStream: u32): u32 {
  arenaReset();
  const root = dispatcher.rootOfStream(contextId);
  const action = root == null ? Action.Continue : root.onResponseBody(contextId, bodySize, endOfStream != 0);
  collectIfAsked();
  return action;
}

export function proxy_on_response_trailers(contextId: u32, trailers: u32): u32 {
  arenaReset();
  const root = dispatcher.rootOfStream(contextId);
  const action = root == null ? Action.Continue : root.onResponseTrailers(contextId, trailers);
  collectIfAsked();
  return action;
}
