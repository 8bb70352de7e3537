/** AssemblyScript SDK for proxy-wasm, ABI 0.2.1. See README.md. */
export { Action, BufferType, LogLevel, MapType, MetricType, Status } from "./enums";
export { Bytes, bytesEqual, startsWithIgnoringCase, writeDecimal } from "./bytes";
export { RootContext } from "./contexts";
export { register } from "./dispatcher";
export { PairReader, PairWriter } from "./pairs";
export { requestCollect } from "./memory";
export {
  addHeader,
  callId,
  currentTimeMs,
  defineMetric,
  getBuffer,
  getHeader,
  getHeaderMap,
  getProperty,
  getSharedData,
  httpCall,
  incrementMetric,
  log,
  randomBits,
  recordMetric,
  removeHeader,
  replaceHeader,
  result,
  resultLen,
  sendLocalResponse,
  setSharedData,
  setTickPeriod,
  sharedCas,
} from "./hostcalls";
export {
  abort,
  proxy_abi_version_0_2_1,
  proxy_on_configure,
  proxy_on_context_create,
  proxy_on_delete,
  proxy_on_http_call_response,
  proxy_on_memory_allocate,
  proxy_on_request_headers,
  proxy_on_tick,
} from "./exports";
