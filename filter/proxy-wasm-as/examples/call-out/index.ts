/**
 * Asks a cluster about every request, and decides by the answer: 200 lets it pass, 5xx or none at all refuses it with 503 (Envoy itself
 * says 504 for a server that takes too long, and 503 for one that is not there), anything else with 403. The configuration is the cluster's name. The question is `GET` with the request's path and its `authorization`.
 * In a project of your own import from "proxy-wasm-as".
 */
import {
  Action, BufferType, Bytes, bytesEqual, callId, continueStream, getBuffer, getHeader, httpCall, IdMap, MapType, PairWriter,
  register, result, resultLen, RootContext, sendLocalResponse, setEffectiveContext, Status, StreamType,
} from "../../index";

// `proxy_on_delete_streams`, for this plugin remembers something of a stream: which call is out for it.
export {
  proxy_abi_version_0_2_1, proxy_on_configure, proxy_on_context_create, proxy_on_delete_streams as proxy_on_delete,
  proxy_on_http_call_response, proxy_on_memory_allocate, proxy_on_request_headers,
} from "../../index";

const TIMEOUT_MS: u32 = 1_000;

const METHOD = Bytes.of(":method");
const PATH = Bytes.of(":path");
const AUTHORITY = Bytes.of(":authority");
const STATUS = Bytes.of(":status");
const AUTHORIZATION = Bytes.of("authorization");
const GET = Bytes.of("GET");
const OK = Bytes.of("200");
const REFUSED = Bytes.of("call_out_refused");
const UNAVAILABLE = Bytes.of("call_out_unavailable");
const EMPTY = Bytes.of("");

/** Made once: nothing is allocated per request. */
const question = new PairWriter(16 * 1024);
const streamOfCall = new IdMap();
const callOfStream = new IdMap();

class CallOut extends RootContext {
  private cluster: Bytes = EMPTY;

  onConfigure(configurationSize: u32): bool {
    if (getBuffer(BufferType.PluginConfiguration, 0, configurationSize) != Status.Ok) return false;
    this.cluster = Bytes.copy(result(), resultLen());
    return this.cluster.len > 0;
  }

  onRequestHeaders(streamId: u32, headers: u32, endOfStream: bool): Action {
    question.begin(4);
    question.add(METHOD, GET.ptr, GET.len);
    question.add(AUTHORITY, this.cluster.ptr, this.cluster.len);
    copyHeader(PATH);
    copyHeader(AUTHORIZATION);
    // What does not fit is not asked about in part.
    if (!question.complete || httpCall(this.cluster, question.ptr, question.len, TIMEOUT_MS) != Status.Ok) {
      sendLocalResponse(503, UNAVAILABLE, EMPTY, 0, 0);
      return Action.Pause;
    }
    streamOfCall.set(callId(), streamId);
    callOfStream.set(streamId, callId());
    return Action.Pause;
  }

  onHttpCallResponse(callId: u32, headers: u32, bodySize: u32): void {
    const streamId = streamOfCall.get(callId);
    if (streamId == 0) return; // the client went away meanwhile
    streamOfCall.remove(callId);
    callOfStream.remove(streamId);
    const said = headers > 0 && getHeader(MapType.HttpCallResponseHeaders, STATUS) == Status.Ok && resultLen() > 0;
    const answered = said && load<u8>(result()) != 0x35; // "5"
    const passes = answered && bytesEqual(result(), resultLen(), OK.ptr, OK.len);
    if (setEffectiveContext(streamId) != Status.Ok) return;
    if (passes) continueStream(StreamType.HttpRequest);
    else sendLocalResponse(answered ? 403 : 503, answered ? REFUSED : UNAVAILABLE, EMPTY, 0, 0);
  }

  onStreamDelete(streamId: u32): void {
    streamOfCall.remove(callOfStream.get(streamId));
    callOfStream.remove(streamId);
  }
}

/** Adds a header of the request to the question; an absent one goes as an empty one. */
function copyHeader(name: Bytes): void {
  getHeader(MapType.HttpRequestHeaders, name);
  question.add(name, result(), resultLen());
}

register((id: u32): RootContext => new CallOut(id));
