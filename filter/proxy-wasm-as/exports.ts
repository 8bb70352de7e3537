/**
 * What every plugin exports, under the ABI's names: `proxy_abi_version_0_2_1`, `proxy_on_memory_allocate`,
 * `proxy_on_context_create`, `proxy_on_delete` and `proxy_on_configure`. The other callbacks are in `callbacks/`; an entry file
 * re-exports the ones it uses and no others, for each one that is exported costs a call per event.
 */
import * as dispatcher from "./dispatcher";
import { LogLevel } from "./enums";
import { log } from "./hostcalls/log";
import { arenaAlloc, arenaReset, collectIfAsked, requestCollect } from "./memory";

/** Tells the host which ABI this is. */
export function proxy_abi_version_0_2_1(): void {}

/** Memory for what the host is about to hand over. */
export function proxy_on_memory_allocate(size: u32): usize {
  return arenaAlloc(size);
}

export function proxy_on_context_create(contextId: u32, parentContextId: u32): void {
  dispatcher.create(contextId, parentContextId);
}

export function proxy_on_delete(contextId: u32): void {
  if (!dispatcher.remove(contextId)) return;
  requestCollect();
  collectIfAsked();
}

/** In place of `proxy_on_delete`, for a plugin that remembers something of its streams: tells it of their end. */
export function proxy_on_delete_streams(contextId: u32): void {
  arenaReset();
  if (dispatcher.rootById(contextId) == null) {
    const root = dispatcher.rootOfStream(contextId);
    if (root != null) root.onStreamDelete(contextId);
  }
  if (dispatcher.remove(contextId)) requestCollect();
  collectIfAsked();
}

export function proxy_on_configure(contextId: u32, configurationSize: u32): u32 {
  arenaReset();
  const root = dispatcher.rootById(contextId);
  const accepted = root != null && root.onConfigure(configurationSize);
  collectIfAsked();
  return accepted ? 1 : 0;
}

/**
 * AssemblyScript's `abort`: give it to the compiler (`"use": ["abort=…"]`), since no proxy provides `env.abort`. A fault of
 * the program itself is logged with its place before the VM stops.
 */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const text = message == null ? "abort" : message;
  const where = file == null ? "?" : file;
  log(LogLevel.Critical, text + " at " + where + ":" + line.toString() + ":" + column.toString());
  unreachable();
}
