import { BufferType, MapType, Status, type HostCalls } from "./abi.ts";
import { bufferCalls, fieldCalls } from "./calls/fields.ts";
import { runtimeCalls, wasiCalls } from "./calls/runtime.ts";
import { metricCalls, sharedCalls } from "./calls/shared.ts";
import { propertyCalls, streamCalls } from "./calls/streams.ts";
import { upstreamCalls } from "./calls/upstream.ts";
import { Context, type LocalResponse } from "./context.ts";
import type { ProxyHost } from "./host.ts";
import type { GrpcCall, HttpCall, LogLine, Machine, VmOptions } from "./machine.ts";
import { GuestMemory, type GuestExports } from "./memory.ts";
import type { Pairs } from "./pairs.ts";
import { HttpStream, TcpStream } from "./stream.ts";

export interface RequestResult {
  /** true if the filter let it pass */
  readonly passed: boolean;
  readonly headers: Pairs;
  readonly local: LocalResponse | undefined;
}

/** One VM. Every callback of the module runs through here; a trap is thrown to the test. */
export class Vm implements Machine {
  readonly host: ProxyHost;
  readonly options: VmOptions;
  readonly memory: GuestMemory;
  readonly logs: LogLine[] = [];
  /** calls that were made and not yet answered */
  readonly calls: HttpCall[] = [];
  readonly grpcCalls: GrpcCall[] = [];
  readonly contexts = new Map<number, Context>();
  readonly configured: boolean;
  effective: Context | undefined;
  status = { code: 0, message: "" };
  tickPeriodMs = 0;
  readonly #exports: Record<string, unknown>;
  /** root contexts whose configuration was taken */
  readonly #roots: number[] = [];
  #nextId = 1;
  #nextCall = 1;

  constructor(host: ProxyHost, options: VmOptions) {
    this.host = host;
    this.options = options;
    // The imports need the memory, which is the instance's: they run only after both are there.
    const late: { exports?: GuestExports } = {};
    this.memory = new GuestMemory({
      get memory() {
        return late.exports!.memory;
      },
      proxy_on_memory_allocate: (size) => late.exports!.proxy_on_memory_allocate(size),
    });
    const instance = new WebAssembly.Instance(host.module, { env: guarded(this.#env()), wasi_snapshot_preview1: guarded(wasiCalls(this), 21) });
    late.exports = instance.exports as unknown as GuestExports;
    this.#exports = instance.exports;
    (this.#exports._initialize as () => void)();
    this.configured = this.addPlugin(options.configuration).configured;
  }

  #env(): HostCalls {
    return {
      ...runtimeCalls(this), ...propertyCalls(this), ...bufferCalls(this), ...fieldCalls(this), ...streamCalls(this),
      ...upstreamCalls(this), ...sharedCalls(this), ...metricCalls(this),
    };
  }

  get memoryBytes(): number {
    return this.memory.size;
  }

  /** The last thing logged. */
  get lastLog(): string {
    return this.logs.at(-1)?.text ?? "";
  }

  /** Runs a callback in a context, if the module exports it. */
  callback(context: Context, name: string, ...args: number[]): number | undefined {
    return this.callbackAs(context, context.id, name, ...args);
  }

  /** The same with an id that need not be the context's: what a faulty host would do. */
  callbackAs(context: Context | undefined, id: number, name: string, ...args: number[]): number | undefined {
    const found = this.#exports[name] as ((...args: number[]) => number | undefined) | undefined;
    if (found === undefined) return undefined;
    this.effective = context;
    try {
      return found(id, ...args);
    } finally {
      this.effective = undefined;
    }
  }

  #context(root: number): Context {
    const id = this.#nextId++;
    const context = new Context(id, root === 0 ? id : root);
    this.contexts.set(id, context);
    this.callback(context, "proxy_on_context_create", root);
    return context;
  }

  /** Configures one more plugin in this VM, as Envoy does when two filters share it or one is updated. */
  addPlugin(configuration: string): { readonly root: number; readonly configured: boolean } {
    const root = this.#context(0);
    const vmConfiguration = Buffer.from(this.options.vmConfiguration ?? "");
    root.buffers.set(BufferType.vmConfiguration, vmConfiguration);
    const started = this.callback(root, "proxy_on_vm_start", vmConfiguration.length) !== 0;
    root.buffers.set(BufferType.pluginConfiguration, Buffer.from(configuration));
    const configured = started && this.callback(root, "proxy_on_configure", Buffer.byteLength(configuration)) === 1;
    if (configured) this.#roots.push(root.id);
    return { root: root.id, configured };
  }

  removePlugin(root: number): void {
    const at = this.#roots.indexOf(root);
    if (at >= 0) this.#roots.splice(at, 1);
    const context = this.contexts.get(root);
    if (context !== undefined) this.endContext(context);
  }

  /** The end of a context: done, log, delete. One that the module wants to keep stays until it calls `proxy_done` and this runs again. */
  endContext(context: Context): void {
    if (this.callback(context, "proxy_on_done") === 0) {
      context.pendingDone = true;
      return;
    }
    this.callback(context, "proxy_on_log");
    this.callback(context, "proxy_on_delete");
    this.contexts.delete(context.id);
  }

  tick(): void {
    for (const root of this.#roots) this.callback(this.contexts.get(root)!, "proxy_on_tick");
  }

  /** Calls a function of the plugin, as a host with foreign callbacks would. */
  foreign(functionId: number, args: Uint8Array | string = "", context = this.contexts.get(this.#roots.at(-1) ?? 0)): void {
    const bytes = Buffer.from(args as Uint8Array);
    context?.buffers.set(BufferType.foreignArguments, bytes);
    this.callbackAs(context, context?.rootId ?? 0, "proxy_on_foreign_function", functionId, bytes.length);
    context?.buffers.delete(BufferType.foreignArguments);
  }

  queueReady(queueId: number, root: number): void {
    const context = this.contexts.get(root);
    if (context !== undefined) this.callback(context, "proxy_on_queue_ready", queueId);
  }

  openHttp(root = this.#roots.at(-1) ?? 0): HttpStream {
    return new HttpStream(this, this.#context(root));
  }

  openTcp(root = this.#roots.at(-1) ?? 0): TcpStream {
    return new TcpStream(this, this.#context(root));
  }

  /** Sends a request's headers through the filter. Names go in as given. */
  request(path: string, headers: Pairs = [], root?: number, rawHeaderMap?: Uint8Array): RequestResult {
    const stream = this.openHttp(root);
    const sent: Pairs = [[":authority", "test"], [":path", path], [":method", "GET"], ...headers];
    stream.context.rawHeaderMap = rawHeaderMap;
    const passed = stream.requestHeaders(sent);
    stream.end();
    return { passed, headers: sent, local: stream.local };
  }

  /** Sends a request whose serialised header map is whatever the bytes are: what a faulty host would give. */
  requestRaw(path: string, headerMap: Uint8Array): RequestResult {
    return this.request(path, [["upgrade", "websocket"]], undefined, headerMap);
  }

  /** Answers the oldest open call. No status at all is a call that failed. */
  respond(status?: number, headers: Record<string, string> = {}, body: Uint8Array = new Uint8Array(), root?: number): void {
    const call = this.calls.shift();
    if (call === undefined) throw new Error("no call is open");
    const pairs: Pairs = status === undefined ? [] : [[":status", String(status)], ...Object.entries(headers)];
    const context = this.contexts.get(root ?? call.root);
    context?.maps.set(MapType.callResponseHeaders, pairs).set(MapType.callResponseTrailers, []);
    context?.buffers.set(BufferType.callResponseBody, Buffer.from(body));
    this.callbackAs(context, root ?? call.root, "proxy_on_http_call_response", call.id, pairs.length, body.length, 0);
    for (const type of [MapType.callResponseHeaders, MapType.callResponseTrailers]) context?.maps.delete(type);
    context?.buffers.delete(BufferType.callResponseBody);
  }

  /** An event of a gRPC call: metadata, or a message. */
  grpcReceive(call: GrpcCall, what: { readonly initial: Pairs } | { readonly message: Uint8Array } | { readonly trailing: Pairs }): void {
    const context = this.contexts.get(call.root);
    if ("message" in what) {
      context?.buffers.set(BufferType.grpcMessage, Buffer.from(what.message));
      this.callbackAs(context, call.root, "proxy_on_grpc_receive", call.id, what.message.length);
      context?.buffers.delete(BufferType.grpcMessage);
      return;
    }
    const [type, pairs, name] =
      "initial" in what
        ? ([MapType.grpcInitialMetadata, what.initial, "proxy_on_grpc_receive_initial_metadata"] as const)
        : ([MapType.grpcTrailingMetadata, what.trailing, "proxy_on_grpc_receive_trailing_metadata"] as const);
    context?.maps.set(type, pairs);
    this.callbackAs(context, call.root, name, call.id, pairs.length);
    context?.maps.delete(type);
  }

  /** A gRPC call or stream is over. */
  grpcClose(call: GrpcCall, code: number, message = ""): void {
    const at = this.grpcCalls.indexOf(call);
    if (at >= 0) this.grpcCalls.splice(at, 1);
    this.status = { code, message };
    this.callbackAs(this.contexts.get(call.root), call.root, "proxy_on_grpc_close", call.id, code);
  }

  nextCallId(): number {
    return this.#nextCall++;
  }
}

/** Addresses outside of the memory, and bytes that are no map, become a status. */
function guarded(calls: HostCalls, fault: number = Status.invalidMemoryAccess): HostCalls {
  const guard = (call: (...args: never[]) => number) => (...args: never[]): number => {
    try {
      return call(...args);
    } catch (error) {
      if (error instanceof RangeError) return fault;
      throw error;
    }
  };
  return Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, guard(call)]));
}
