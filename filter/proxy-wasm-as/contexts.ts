import { Action } from "./enums";

/**
 * One plugin configuration in one VM. Override what the filter needs, and re-export the matching `proxy_on_*` function
 * from the entry file: the host skips callbacks that the module does not export.
 *
 * HTTP streams have no object of their own: their callbacks come to the root context with the stream's id, so a stream
 * costs nothing while it is open.
 */
export abstract class RootContext {
  constructor(readonly id: u32) {}

  /** Reads and checks the configuration. @returns false to have the host refuse the plugin */
  abstract onConfigure(configurationSize: u32): bool;

  /** The timer that `setTickPeriod` started. */
  onTick(): void {}

  /** The answer to an `httpCall`. No headers at all (`headers` = 0) means that there was none. */
  onHttpCallResponse(callId: u32, headers: u32, bodySize: u32): void {}

  /** A request's headers are complete. */
  onRequestHeaders(streamId: u32, headers: u32, endOfStream: bool): Action {
    return Action.Continue;
  }
}
