import { decodePairs, encodePairs, type Pairs } from "./pairs.ts";
import type { ProxyHost } from "./host.ts";

const Status = { ok: 0, notFound: 1, badArgument: 2, casMismatch: 8 } as const;
const MapType = { requestHeaders: 0, callResponseHeaders: 6 } as const;
const Buffers = { callResponseBody: 4, pluginConfiguration: 7 } as const;

export interface VmOptions {
  /** what Envoy would hand over as the plugin configuration */
  readonly configuration: string;
  /** Envoy's own zone; absent is a host without that property */
  readonly zone?: string;
  /** clusters that the host knows; a call to another is refused */
  readonly clusters?: readonly string[];
}

export interface HttpCall {
  readonly id: number;
  readonly cluster: string;
  readonly headers: Pairs;
  readonly timeoutMs: number;
}

export interface LocalResponse {
  readonly status: number;
  readonly details: string;
  readonly headers: Pairs;
  readonly body: string;
}

export interface RequestResult {
  /** true if the filter let it pass */
  readonly passed: boolean;
  readonly headers: Pairs;
  readonly local: LocalResponse | undefined;
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  _initialize(): void;
  proxy_on_memory_allocate(size: number): number;
  proxy_on_context_create(id: number, parent: number): void;
  proxy_on_configure(id: number, size: number): number;
  proxy_on_delete(id: number): void;
  proxy_on_tick(id: number): void;
  proxy_on_request_headers(id: number, headers: number, endOfStream: number): number;
  proxy_on_http_call_response(id: number, call: number, headers: number, body: number, trailers: number): void;
}

/** One VM. Every callback of the filter runs through here; a trap is thrown to the test. */
export class Vm {
  readonly logs: { readonly level: number; readonly text: string }[] = [];
  /** calls that were made and not yet answered */
  readonly calls: HttpCall[] = [];
  tickPeriodMs = 0;
  readonly #host: ProxyHost;
  readonly #options: VmOptions;
  readonly #exports: Exports;
  readonly #metricNames: string[] = [""];
  /** root contexts and whether their configuration was taken */
  readonly #roots: number[] = [];
  #configuration: string;
  #nextId = 1;
  #nextCall = 1;
  #requestHeaders: Pairs = [];
  #rawHeaderMap: Uint8Array | undefined;
  #local: LocalResponse | undefined;
  #answer: { readonly headers: Pairs; readonly body: Uint8Array } | undefined;
  readonly configured: boolean;

  constructor(host: ProxyHost, options: VmOptions) {
    this.#host = host;
    this.#options = options;
    this.#configuration = options.configuration;
    const instance = new WebAssembly.Instance(host.module, this.#imports());
    this.#exports = instance.exports as unknown as Exports;
    this.#exports._initialize();
    this.configured = this.addPlugin(options.configuration).configured;
  }

  get memoryBytes(): number {
    return this.#exports.memory.buffer.byteLength;
  }

  /** The last thing logged. */
  get lastLog(): string {
    return this.logs.at(-1)?.text ?? "";
  }

  /** Configures one more plugin in this VM, as Envoy does when two filters share it or one is updated. */
  addPlugin(configuration: string): { readonly root: number; readonly configured: boolean } {
    const root = this.#nextId++;
    this.#configuration = configuration;
    this.#exports.proxy_on_context_create(root, 0);
    const configured = this.#exports.proxy_on_configure(root, Buffer.byteLength(configuration)) === 1;
    if (configured) this.#roots.push(root);
    return { root, configured };
  }

  removePlugin(root: number): void {
    const at = this.#roots.indexOf(root);
    if (at >= 0) this.#roots.splice(at, 1);
    this.#exports.proxy_on_delete(root);
  }

  tick(): void {
    for (const root of this.#roots) this.#exports.proxy_on_tick(root);
  }

  /** Sends a request's headers through the filter. Names go in as given. */
  request(path: string, headers: Pairs = [], root = this.#roots.at(-1) ?? 0): RequestResult {
    const id = this.#nextId++;
    this.#requestHeaders = [[":authority", "test"], [":path", path], [":method", "GET"], ...headers];
    this.#local = undefined;
    this.#exports.proxy_on_context_create(id, root);
    const action = this.#exports.proxy_on_request_headers(id, this.#requestHeaders.length, 1);
    this.#exports.proxy_on_delete(id);
    return { passed: action === 0, headers: this.#requestHeaders, local: this.#local };
  }

  /** Sends a request whose serialised header map is whatever the bytes are: what a faulty host would give. */
  requestRaw(headerMap: Uint8Array): RequestResult {
    this.#rawHeaderMap = headerMap;
    try {
      return this.request("/");
    } finally {
      this.#rawHeaderMap = undefined;
    }
  }

  /** Answers the oldest open call. No status at all is a call that failed. */
  respond(status?: number, headers: Record<string, string> = {}, body: Uint8Array = new Uint8Array(), root = this.#roots[0] ?? 0): void {
    const call = this.calls.shift();
    if (call === undefined) throw new Error("no call is open");
    const pairs: Pairs = status === undefined ? [] : [[":status", String(status)], ...Object.entries(headers)];
    this.#answer = { headers: pairs, body };
    this.#exports.proxy_on_http_call_response(root, call.id, pairs.length, body.length, 0);
    this.#answer = undefined;
  }

  #bytes(ptr: number, size: number): Buffer {
    return Buffer.from(this.#exports.memory.buffer, ptr, size);
  }

  #text(ptr: number, size: number): string {
    return this.#bytes(ptr, size).toString("latin1");
  }

  #give(value: Uint8Array, ptrPtr: number, sizePtr: number): number {
    const ptr = this.#exports.proxy_on_memory_allocate(value.length);
    const memory = Buffer.from(this.#exports.memory.buffer);
    memory.set(value, ptr);
    memory.writeUInt32LE(ptr, ptrPtr);
    memory.writeUInt32LE(value.length, sizePtr);
    return Status.ok;
  }

  #map(type: number): Pairs {
    return type === MapType.requestHeaders ? this.#requestHeaders : type === MapType.callResponseHeaders ? (this.#answer?.headers ?? []) : [];
  }

  #imports(): Record<string, Record<string, (...args: never[]) => unknown>> {
    const host = this.#host;
    const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");
    const setHeader = (type: number, name: string, value: string | undefined, keep: boolean): number => {
      const map = this.#map(type);
      const lower = name.toLowerCase();
      if (!keep) for (let i = map.length - 1; i >= 0; i--) if (map[i]?.[0].toLowerCase() === lower) map.splice(i, 1);
      if (value !== undefined) map.push([lower, value]);
      return Status.ok;
    };
    return {
      wasi_snapshot_preview1: {
        random_get: (ptr: number, size: number): number => {
          for (let i = 0; i < size; i++) this.#bytes(ptr + i, 1)[0] = host.randomByte();
          return 0;
        },
      },
      env: {
        proxy_log: (level: number, ptr: number, size: number): number => {
          this.logs.push({ level, text: this.#bytes(ptr, size).toString("utf8") });
          return Status.ok;
        },
        proxy_get_current_time_nanoseconds: (ptr: number): number => {
          this.#bytes(ptr, 8).writeBigUInt64LE(BigInt(host.nowMs) * 1_000_000n);
          return Status.ok;
        },
        proxy_set_tick_period_milliseconds: (ms: number): number => {
          this.tickPeriodMs = ms;
          return Status.ok;
        },
        proxy_get_property: (path: number, size: number, ptr: number, length: number): number => {
          const { zone } = this.#options;
          if (this.#text(path, size) !== "xds\0node\0locality\0zone" || zone === undefined) return Status.notFound;
          return this.#give(latin1(zone), ptr, length);
        },
        proxy_get_buffer_bytes: (type: number, start: number, size: number, ptr: number, length: number): number => {
          const buffer =
            type === Buffers.pluginConfiguration ? Buffer.from(this.#configuration) : type === Buffers.callResponseBody ? this.#answer?.body : undefined;
          if (buffer === undefined) return Status.notFound;
          return this.#give(buffer.subarray(start, start + size), ptr, length);
        },
        proxy_get_header_map_pairs: (type: number, ptr: number, length: number): number =>
          this.#give(this.#rawHeaderMap ?? encodePairs(this.#map(type)), ptr, length),
        proxy_get_header_map_value: (type: number, key: number, size: number, ptr: number, length: number): number => {
          const name = this.#text(key, size);
          const found = this.#map(type).find(([at]) => at === name);
          return found === undefined ? Status.notFound : this.#give(latin1(found[1]), ptr, length);
        },
        proxy_replace_header_map_value: (type: number, key: number, size: number, value: number, valueSize: number): number =>
          setHeader(type, this.#text(key, size), this.#text(value, valueSize), false),
        proxy_remove_header_map_value: (type: number, key: number, size: number): number =>
          setHeader(type, this.#text(key, size), undefined, false),
        proxy_send_local_response: (
          status: number, details: number, detailsSize: number, body: number, bodySize: number, headers: number, headersSize: number,
        ): number => {
          this.#local = {
            status,
            details: this.#text(details, detailsSize),
            headers: decodePairs(Buffer.from(this.#bytes(headers, headersSize))),
            body: this.#text(body, bodySize),
          };
          return Status.ok;
        },
        proxy_http_call: (
          cluster: number, clusterSize: number, headers: number, headersSize: number, _body: number, _bodySize: number,
          _trailers: number, _trailersSize: number, timeoutMs: number, id: number,
        ): number => {
          const name = this.#text(cluster, clusterSize);
          if (!(this.#options.clusters ?? ["charm"]).includes(name)) return Status.badArgument;
          const call = { id: this.#nextCall++, cluster: name, headers: decodePairs(this.#bytes(headers, headersSize)), timeoutMs };
          this.calls.push(call);
          this.#bytes(id, 4).writeUInt32LE(call.id);
          return Status.ok;
        },
        proxy_get_shared_data: (key: number, size: number, ptr: number, length: number, cas: number): number => {
          const found = host.store.get(this.#text(key, size));
          if (found === undefined) return Status.notFound;
          this.#bytes(cas, 4).writeUInt32LE(found.cas);
          return this.#give(found.value, ptr, length);
        },
        proxy_set_shared_data: (key: number, size: number, value: number, valueSize: number, cas: number): number =>
          host.store.set(this.#text(key, size), this.#bytes(value, valueSize), cas) ? Status.ok : Status.casMismatch,
        proxy_define_metric: (_type: number, name: number, size: number, id: number): number => {
          this.#bytes(id, 4).writeUInt32LE(this.#metricNames.push(this.#text(name, size)) - 1);
          return Status.ok;
        },
        proxy_increment_metric: (id: number, by: bigint): number => {
          const name = this.#metricNames[id];
          if (name === undefined || id === 0) return Status.badArgument;
          host.metrics.set(name, host.metric(name) + Number(by));
          return Status.ok;
        },
        proxy_record_metric: (id: number, value: bigint): number => {
          const name = this.#metricNames[id];
          if (name === undefined || id === 0) return Status.badArgument;
          host.metrics.set(name, Number(value));
          return Status.ok;
        },
      },
    };
  }
}
