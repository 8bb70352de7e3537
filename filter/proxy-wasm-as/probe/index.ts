/**
 * A plugin for the SDK's own tests, not part of the package: exports every callback and logs it; `onForeignFunction(n)` makes the
 * n-th kind of host call, with the arguments' bytes where it takes some, and logs the status and what came back.
 */
import * as sdk from "../index";
import { BufferType, Bytes, MapType, PeerType, result, resultLen, RootContext, Status, StreamType } from "../index";

export {
  proxy_abi_version_0_2_1, proxy_on_configure, proxy_on_context_create, proxy_on_delete_streams as proxy_on_delete,
  proxy_on_done, proxy_on_downstream_connection_close, proxy_on_downstream_data, proxy_on_foreign_function,
  proxy_on_grpc_close, proxy_on_grpc_receive, proxy_on_grpc_receive_initial_metadata,
  proxy_on_grpc_receive_trailing_metadata, proxy_on_http_call_response, proxy_on_log, proxy_on_memory_allocate,
  proxy_on_new_connection, proxy_on_queue_ready, proxy_on_request_body, proxy_on_request_headers, proxy_on_request_trailers,
  proxy_on_response_body, proxy_on_response_headers, proxy_on_response_trailers, proxy_on_tick,
  proxy_on_upstream_connection_close, proxy_on_upstream_data, proxy_on_vm_start,
} from "../index";

const A = Bytes.of("a");
const HEADER = Bytes.of("x-probe");
const CLUSTER = Bytes.of("charm");
const METHOD = Bytes.of("Ask");
const pairs = new sdk.PairWriter(64);
const map = new sdk.IdMap();

function say(text: string): void {
  sdk.log(sdk.LogLevel.Info, text);
  sdk.requestCollect();
}

/** Logs a status and the bytes that a call gave back. */
function tell(status: u32): void {
  say(status.toString() + ":" + (status == 0 ? String.UTF8.decodeUnsafe(result(), resultLen()) : ""));
}

/** Logs a status. */
function tellStatus(status: u32): void {
  say(status.toString() + ":");
}

/** Logs a status and the number that a call gave back. */
function tellNumber(status: u32, value: u64): void {
  say(status.toString() + ":" + value.toString());
}

function onePair(): void {
  pairs.begin(1);
  pairs.add(HEADER, A.ptr, A.len);
}

class Probe extends RootContext {
  /** the next `onDone` and `onStreamDone` give false */
  private keep: bool = false;
  private quiet: bool = false;
  private cas: u32 = 0;

  private event(name: string, a: u32 = 0, b: u32 = 0): sdk.Action {
    if (!this.quiet) say(name + " " + a.toString() + " " + b.toString());
    return sdk.Action.Continue;
  }

  private completed(name: string): bool {
    this.event(name);
    const kept = this.keep;
    this.keep = false;
    return !kept;
  }

  onVmStart(size: u32): bool {
    this.event("vm_start", size);
    return true;
  }

  onConfigure(size: u32): bool {
    this.event("configure", size);
    return true;
  }

  onDone(): bool { return this.completed("done"); }
  onStreamDone(streamId: u32): bool { return this.completed("stream_done"); }
  onTick(): void { this.event("tick", this.id); }
  onQueueReady(queueId: u32): void { this.event("queue_ready", queueId); }
  onHttpCallResponse(callId: u32, headers: u32, bodySize: u32): void { this.event("http_call_response", headers, bodySize); }
  onGrpcReceiveInitialMetadata(callId: u32, elements: u32): void { this.event("grpc_initial", callId, elements); }
  onGrpcReceive(callId: u32, size: u32): void {
    this.event("grpc_receive", callId, size);
    tell(sdk.getBuffer(BufferType.GrpcCallMessage, 0, size));
  }
  onGrpcReceiveTrailingMetadata(callId: u32, elements: u32): void { this.event("grpc_trailing", callId, elements); }
  onGrpcClose(callId: u32, code: u32): void {
    this.event("grpc_close", callId, code);
    tell(sdk.getStatus());
    tellNumber(0, sdk.statusCode());
  }
  onRequestHeaders(streamId: u32, headers: u32, end: bool): sdk.Action {
    if (!this.quiet) tell(sdk.getHeader(MapType.HttpRequestHeaders, HEADER));
    else sdk.getHeaderMap(MapType.HttpRequestHeaders);
    return this.event("request_headers", headers, end);
  }
  onRequestBody(streamId: u32, size: u32, end: bool): sdk.Action {
    sdk.setBuffer(BufferType.HttpRequestBody, 0, 0, A.ptr, A.len);
    return this.event("request_body", size, end);
  }
  onRequestTrailers(streamId: u32, trailers: u32): sdk.Action { return this.event("request_trailers", trailers); }
  onResponseHeaders(streamId: u32, headers: u32, end: bool): sdk.Action { return this.event("response_headers", headers, end); }
  onResponseBody(streamId: u32, size: u32, end: bool): sdk.Action { return this.event("response_body", size, end); }
  onResponseTrailers(streamId: u32, trailers: u32): sdk.Action { return this.event("response_trailers", trailers); }
  onNewConnection(streamId: u32): sdk.Action { return this.event("new_connection"); }
  onDownstreamData(streamId: u32, size: u32, end: bool): sdk.Action {
    tell(sdk.getBuffer(BufferType.DownstreamData, 0, size));
    return this.event("downstream_data", size, end);
  }
  onUpstreamData(streamId: u32, size: u32, end: bool): sdk.Action {
    sdk.closeStream(StreamType.Upstream);
    return this.event("upstream_data", size, end);
  }
  onDownstreamConnectionClose(streamId: u32, peer: PeerType): void { this.event("downstream_close", peer); }
  onUpstreamConnectionClose(streamId: u32, peer: PeerType): void { this.event("upstream_close", peer); }
  onLog(streamId: u32): void { this.event("log"); }
  onStreamDelete(streamId: u32): void { this.event("delete"); }

  onForeignFunction(n: u32, size: u32): void {
    const read = sdk.getBuffer(BufferType.ForeignFunctionArguments, 0, size);
    const given = read == Status.Ok ? Bytes.copy(result(), resultLen()) : Bytes.of("");
    sdk.requestCollect();
    switch (n) {
      case 1: return tellNumber(0, sdk.getLogLevel());
      case 2: return tellNumber(sdk.fdWrite(sdk.Fd.Stderr, given.ptr, given.len), 0);
      case 3: return tellNumber(sdk.fdWrite(<sdk.Fd>7, given.ptr, given.len), 0);
      case 4: return tellNumber(0, sdk.clockTimeNs(sdk.ClockId.Monotonic));
      case 5: return tellNumber(0, sdk.clockTimeNs(<sdk.ClockId>9));
      case 6: return tell(sdk.getEnvironment());
      case 7: return tell(sdk.getProperty(given));
      case 8: return tellStatus(sdk.setProperty(HEADER, given.ptr, given.len));
      case 9: return tellNumber(sdk.getBufferStatus(BufferType.ForeignFunctionArguments), sdk.bufferSize());
      case 10: return tell(sdk.getBuffer(BufferType.HttpRequestBody, 0, 10));
      case 11: return tell(sdk.getHeader(MapType.HttpRequestHeaders, HEADER));
      case 12: return tellNumber(sdk.getHeaderMapSize(MapType.HttpRequestHeaders), sdk.headerMapSize());
      case 13:
        onePair();
        return tellStatus(sdk.setHeaderMap(MapType.HttpRequestHeaders, pairs.ptr, pairs.len));
      case 14: return tellStatus(sdk.addHeader(MapType.HttpRequestHeaders, HEADER, given.ptr, given.len));
      case 15: return tellStatus(sdk.continueStream(StreamType.HttpRequest));
      case 16: return tellStatus(sdk.closeStream(StreamType.HttpRequest));
      case 17: return tellStatus(sdk.sendLocalResponse(204, HEADER, A, 0, 0, 5));
      case 18: return tellStatus(sdk.setEffectiveContext(<u32>given.toString().length));
      case 19: return tellStatus(sdk.done());
      case 20:
        onePair();
        return tellNumber(sdk.httpCall(CLUSTER, pairs.ptr, pairs.len, 5), sdk.callId());
      case 21:
        onePair();
        return tellNumber(sdk.grpcCall(given, HEADER, METHOD, pairs.ptr, pairs.len, A.ptr, A.len, 5), sdk.callId());
      case 22: return tellNumber(sdk.grpcStream(CLUSTER, HEADER, METHOD, 0, 0), sdk.callId());
      case 23: return tellStatus(sdk.grpcSend(<u32>given.toString().length, A.ptr, A.len, true));
      case 24: return tellStatus(sdk.grpcCancel(<u32>given.toString().length));
      case 25: return tellStatus(sdk.grpcClose(<u32>given.toString().length));
      case 26: return tellNumber(0, sdk.registerSharedQueue(given));
      case 27: return tellNumber(0, sdk.resolveSharedQueue(Bytes.of(""), given));
      case 28: return tellStatus(sdk.enqueueSharedQueue(1, given.ptr, given.len));
      case 29: return tell(sdk.dequeueSharedQueue(1));
      case 30: return tellStatus(sdk.enqueueSharedQueue(99, given.ptr, given.len));
      case 31: {
        const id = sdk.defineMetric(sdk.MetricType.Gauge, given);
        sdk.recordMetric(id, 7);
        sdk.incrementMetric(id, -2);
        return tellNumber(sdk.getMetric(id), sdk.metricValue());
      }
      case 32: return tellNumber(sdk.getMetric(999), sdk.metricValue());
      case 33: return tell(sdk.callForeignFunction(given, A.ptr, A.len));
      case 34: {
        const status = sdk.getSharedData(A);
        this.cas = sdk.sharedCas();
        return tell(status);
      }
      case 35: return tellNumber(sdk.setSharedData(A, given.ptr, given.len, this.cas), 0);
      case 36:
        this.keep = true;
        return;
      case 37:
        this.quiet = true;
        return;
      case 40: return tellNumber(sdk.setTickPeriod(40), sdk.currentTimeMs());
      case 41: {
        sdk.replaceHeader(MapType.HttpRequestHeaders, HEADER, given.ptr, given.len);
        return tellStatus(sdk.removeHeader(MapType.HttpRequestHeaders, A.ptr, A.len));
      }
      case 42: return tellNumber(sdk.randomBytes(given.ptr, given.len), sdk.randomBits() == sdk.randomBits() ? 1 : 0);
      case 38: return this.overfill();
      case 39: return this.fillMap();
      default: return;
    }
  }

  /** More than a `PairWriter` holds, in name, value and number. */
  private overfill(): void {
    const long = Bytes.of("n".repeat(100));
    pairs.begin(2);
    pairs.add(long, A.ptr, A.len);
    pairs.add(HEADER, long.ptr, long.len);
    pairs.add(HEADER, A.ptr, A.len);
    const reader = new sdk.PairReader();
    let names = "";
    if (reader.open(pairs.ptr, pairs.len)) while (reader.next()) names += reader.nameLen.toString() + "," + reader.valueLen.toString() + ";";
    pairs.begin(1_000);
    tellNumber(pairs.complete ? 1 : 0, pairs.len);
    say(names);
  }

  /** Ids in and out of an `IdMap`: 20,000 with never more than 100 in it, and each found as long as it is in. */
  private fillMap(): void {
    let wrong = 0;
    for (let id: u32 = 1; id <= 20_000; id++) {
      map.set(id * 7, id);
      if (id > 100 && !map.remove((id - 100) * 7)) wrong++;
      if (map.get(id * 7) != id || (id > 100 && map.get((id - 99) * 7) != id - 99)) wrong++;
    }
    tellNumber(wrong, map.size);
  }
}

sdk.register((id: u32): RootContext => new Probe(id));
