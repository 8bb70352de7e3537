/** Callbacks of a plugin as a whole: its start and end, its timer, its queues, its foreign functions. And the end of a context. */
import * as dispatcher from "../dispatcher";
import { arenaReset, collectIfAsked } from "../memory";

export function proxy_on_vm_start(contextId: u32, configurationSize: u32): u32 {
  arenaReset();
  const root = dispatcher.rootById(contextId);
  const accepted = root != null && root.onVmStart(configurationSize);
  collectIfAsked();
  return accepted ? 1 : 0;
}

export function proxy_on_tick(contextId: u32): void {
  arenaReset();
  const root = dispatcher.rootById(contextId);
  if (root != null) root.onTick();
  collectIfAsked();
}

export function proxy_on_queue_ready(contextId: u32, queueId: u32): void {
  arenaReset();
  const root = dispatcher.rootById(contextId);
  if (root != null) root.onQueueReady(queueId);
  collectIfAsked();
}

export function proxy_on_foreign_function(contextId: u32, functionId: u32, argumentsSize: u32): void {
  arenaReset();
  const root = dispatcher.rootById(contextId);
  if (root != null) root.onForeignFunction(functionId, argumentsSize);
  collectIfAsked();
}

/** A root context or a stream is done; an unknown one may go. */
export function proxy_on_done(contextId: u32): u32 {
  arenaReset();
  let completed = true;
  let root = dispatcher.rootById(contextId);
  if (root != null) {
    completed = root.onDone();
  } else {
    root = dispatcher.rootOfStream(contextId);
    if (root != null) completed = root.onStreamDone(contextId);
  }
  collectIfAsked();
  return completed ? 1 : 0;
}

export function proxy_on_log(contextId: u32): void {
  arenaReset();
  if (dispatcher.rootById(contextId) == null) {
    const root = dispatcher.rootOfStream(contextId);
    if (root != null) root.onLog(contextId);
  }
  collectIfAsked();
}
