import { Action, PeerType } from "./enums";

/**
 * One plugin configuration in one VM. Override what the plugin needs, and re-export the matching `proxy_on_*` function
 * from the entry file: the host skips callbacks that the module does not export.
 *
 * Streams have no object of their own: their callbacks come to the root context with the stream's id, so a stream
 * costs nothing while it is open. A plugin that must remember something of a stream keeps it in an `IdMap` and takes it out in
 * `onStreamDelete`.
 */
export abstract class RootContext {
  constructor(readonly id: u32) {}

  // --- The plugin's life

  /** The VM starts; before `onConfigure`. @returns false to have the host refuse the VM */
  onVmStart(configurationSize: u32): bool {
    return true;
  }

  /** Reads and checks the configuration. @returns false to have the host refuse the plugin */
  abstract onConfigure(configurationSize: u32): bool;

  /** The host is done with the plugin. @returns false to keep it until `done()` is called */
  onDone(): bool {
    return true;
  }

  /** The timer that `setTickPeriod` started. */
  onTick(): void {}

  /** An item is in a queue that this VM has registered. */
  onQueueReady(queueId: u32): void {}

  /** The host calls a function of the plugin; its arguments are in `BufferType.ForeignFunctionArguments`. */
  onForeignFunction(functionId: u32, argumentsSize: u32): void {}

  // --- Answers to calls

  /** The answer to an `httpCall`. No headers at all (`headers` = 0) means that there was none. */
  onHttpCallResponse(callId: u32, headers: u32, bodySize: u32): void {}

  /** A gRPC call's first metadata: `MapType.GrpcCallInitialMetadata`. */
  onGrpcReceiveInitialMetadata(callId: u32, elements: u32): void {}

  /** A gRPC message: `BufferType.GrpcCallMessage`. */
  onGrpcReceive(callId: u32, messageSize: u32): void {}

  /** A gRPC call's last metadata: `MapType.GrpcCallTrailingMetadata`. */
  onGrpcReceiveTrailingMetadata(callId: u32, elements: u32): void {}

  /** A gRPC call or stream is over; `getStatus` has the message. */
  onGrpcClose(callId: u32, statusCode: u32): void {}

  // --- HTTP streams

  /** A request's headers are complete. */
  onRequestHeaders(streamId: u32, headers: u32, endOfStream: bool): Action {
    return Action.Continue;
  }

  /** Request bytes: `BufferType.HttpRequestBody`, all that is held back so far. */
  onRequestBody(streamId: u32, bodySize: u32, endOfStream: bool): Action {
    return Action.Continue;
  }

  onRequestTrailers(streamId: u32, trailers: u32): Action {
    return Action.Continue;
  }

  onResponseHeaders(streamId: u32, headers: u32, endOfStream: bool): Action {
    return Action.Continue;
  }

  /** Response bytes: `BufferType.HttpResponseBody`, all that is held back so far. */
  onResponseBody(streamId: u32, bodySize: u32, endOfStream: bool): Action {
    return Action.Continue;
  }

  onResponseTrailers(streamId: u32, trailers: u32): Action {
    return Action.Continue;
  }

  // --- TCP streams

  onNewConnection(streamId: u32): Action {
    return Action.Continue;
  }

  /** Bytes from the client: `BufferType.DownstreamData`. */
  onDownstreamData(streamId: u32, dataSize: u32, endOfStream: bool): Action {
    return Action.Continue;
  }

  /** Bytes from the server: `BufferType.UpstreamData`. */
  onUpstreamData(streamId: u32, dataSize: u32, endOfStream: bool): Action {
    return Action.Continue;
  }

  onDownstreamConnectionClose(streamId: u32, peer: PeerType): void {}

  onUpstreamConnectionClose(streamId: u32, peer: PeerType): void {}

  // --- The end of a stream, HTTP or TCP

  /** The host is done with the stream. @returns false to keep it until `done()` is called */
  onStreamDone(streamId: u32): bool {
    return true;
  }

  /** Time for a last log entry; headers and properties can still be read. */
  onLog(streamId: u32): void {}

  /** The stream is gone: forget it. Export `proxy_on_delete_streams as proxy_on_delete` to be told. */
  onStreamDelete(streamId: u32): void {}
}
