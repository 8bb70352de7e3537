/** AssemblyScript SDK for proxy-wasm, ABI 0.2.1. See README.md. */
export {
  Action, BufferType, ClockId, Errno, Fd, LogLevel, MapType, MetricType, PeerType, Status, StreamType,
} from "./enums";
export { Bytes, bytesEqual, startsWithIgnoringCase, writeDecimal } from "./bytes";
export { RootContext } from "./contexts";
export { register } from "./dispatcher";
export { IdMap } from "./id-map";
export { PairReader, PairWriter } from "./pairs";
export { requestCollect } from "./memory";
export { result, resultLen } from "./out";

// --- Calls to the host
export { log, logBytes, getLogLevel, fdWrite } from "./hostcalls/log";
export { currentTimeMs, clockTimeNs, setTickPeriod, randomBits, randomBytes, getEnvironment } from "./hostcalls/clock";
export { getProperty, setProperty } from "./hostcalls/properties";
export { setBuffer, getBuffer, getBufferStatus, bufferSize } from "./hostcalls/buffers";
export {
  getHeaderMapSize,
  headerMapSize,
  getHeaderMap,
  setHeaderMap,
  getHeader,
  addHeader,
  replaceHeader,
  removeHeader,
} from "./hostcalls/headers";
export {
  setEffectiveContext,
  done,
  continueStream,
  closeStream,
  getStatus,
  statusCode,
  sendLocalResponse,
} from "./hostcalls/streams";
export { httpCall, httpCallWithBody, callId } from "./hostcalls/http-call";
export { grpcCall, grpcStream, grpcSend, grpcCancel, grpcClose } from "./hostcalls/grpc";
export { getSharedData, sharedCas, setSharedData } from "./hostcalls/shared-data";
export { registerSharedQueue, resolveSharedQueue, enqueueSharedQueue, dequeueSharedQueue } from "./hostcalls/queues";
export { defineMetric, recordMetric, incrementMetric, getMetric, metricValue } from "./hostcalls/metrics";
export { callForeignFunction } from "./hostcalls/foreign";

// --- What the host calls: re-export what you use
export {
  proxy_abi_version_0_2_1,
  proxy_on_memory_allocate,
  proxy_on_context_create,
  proxy_on_delete,
  proxy_on_delete_streams,
  proxy_on_configure,
  abort,
} from "./exports";
export {
  proxy_on_vm_start,
  proxy_on_tick,
  proxy_on_queue_ready,
  proxy_on_foreign_function,
  proxy_on_done,
  proxy_on_log,
} from "./callbacks/plugin";
export {
  proxy_on_request_headers,
  proxy_on_request_body,
  proxy_on_request_trailers,
  proxy_on_response_headers,
  proxy_on_response_body,
  proxy_on_response_trailers,
} from "./callbacks/http";
export {
  proxy_on_new_connection,
  proxy_on_downstream_data,
  proxy_on_downstream_connection_close,
  proxy_on_upstream_data,
  proxy_on_upstream_connection_close,
} from "./callbacks/tcp";
export {
  proxy_on_http_call_response,
  proxy_on_grpc_receive_initial_metadata,
  proxy_on_grpc_receive,
  proxy_on_grpc_receive_trailing_metadata,
  proxy_on_grpc_close,
} from "./callbacks/calls";
