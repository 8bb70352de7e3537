/** TCP streams. A connection whose root is gone passes untouched. */
import * as dispatcher from "../dispatcher";
import { Action, PeerType } from "../enums";
import { arenaReset, collectIfAsked } from "../memory";

export function proxy_on_new_connection(contextId: u32): u32 {
  arenaReset();
  const root = dispatcher.rootOfStream(contextId);
  const action = root == null ? Action.Continue : root.onNewConnection(contextId);
  collectIfAsked();
  return action;
}

export function proxy_on_downstream_data(contextId: u32, dataSize: u32, endOfStream: u32): u32 {
  arenaReset();
  const root = dispatcher.rootOfStream(contextId);
  const action = root == null ? Action.Continue : root.onDownstreamData(contextId, dataSize, endOfStream != 0);
  collectIfAsked();
  return action;
}

export function proxy_on_downstream_connection_close(contextId: u32, peerType: u32): void {
  arenaReset();
  const root = dispatcher.rootOfStream(contextId);
  if (root != null) root.onDownstreamConnectionClose(contextId, <PeerType>peerType);
  collectIfAsked();
}

export function proxy_on_upstream_data(contextId: u32, dataSize: u32, endOfStream: u32): u32 {
  arenaReset();
  const root = dispatcher.rootOfStream(contextId);
  const action = root == null ? Action.Continue : root.onUpstreamData(contextId, dataSize, endOfStream != 0);
  collectIfAsked();
  return action;
}

export function proxy_on_upstream_connection_close(contextId: u32, peerType: u32): void {
  arenaReset();
  const root = dispatcher.rootOfStream(contextId);
  if (root != null) root.onUpstreamConnectionClose(contextId, <PeerType>peerType);
  collectIfAsked();
}
