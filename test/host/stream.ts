/** One stream of an emulated host, driven step by step. What a module does not export is not called. */
import { BufferType, MapType, PeerType } from "./abi.ts";
import type { Context, LocalResponse } from "./context.ts";
import type { Pairs } from "./pairs.ts";
import type { Vm } from "./vm.ts";

class Stream {
  readonly context: Context;
  protected readonly vm: Vm;

  constructor(vm: Vm, context: Context) {
    this.vm = vm;
    this.context = context;
  }

  get id(): number {
    return this.context.id;
  }

  /** stream types that the module let go on, in order */
  get resumed(): readonly number[] {
    return this.context.resumed;
  }

  get closed(): readonly number[] {
    return this.context.closed;
  }

  /** Calls an action callback; true if the module lets the stream pass. */
  protected passes(callback: string, ...args: number[]): boolean {
    return this.vm.callback(this.context, callback, ...args) !== 1;
  }

  protected data(callback: string, type: number, bytes: Uint8Array | string, end: boolean): boolean {
    const more = Buffer.concat([this.context.buffers.get(type) ?? Buffer.alloc(0), Buffer.from(bytes as Uint8Array)]);
    this.context.buffers.set(type, more);
    return this.passes(callback, more.length, end ? 1 : 0);
  }

  /** The host is done: `on_done`, and unless the module wants to keep the stream, `on_log` and `on_delete`. */
  end(): void {
    this.vm.endContext(this.context);
  }
}

export class HttpStream extends Stream {
  get local(): LocalResponse | undefined {
    return this.context.local;
  }

  map(type: number): Pairs {
    return this.context.maps.get(type) ?? [];
  }

  requestHeaders(headers: Pairs, end = true): boolean {
    this.context.maps.set(MapType.requestHeaders, headers);
    return this.passes("proxy_on_request_headers", headers.length, end ? 1 : 0);
  }

  requestBody(bytes: Uint8Array | string, end = true): boolean {
    return this.data("proxy_on_request_body", BufferType.requestBody, bytes, end);
  }

  requestTrailers(trailers: Pairs): boolean {
    this.context.maps.set(MapType.requestTrailers, trailers);
    return this.passes("proxy_on_request_trailers", trailers.length);
  }

  responseHeaders(headers: Pairs, end = true): boolean {
    this.context.maps.set(MapType.responseHeaders, headers);
    return this.passes("proxy_on_response_headers", headers.length, end ? 1 : 0);
  }

  responseBody(bytes: Uint8Array | string, end = true): boolean {
    return this.data("proxy_on_response_body", BufferType.responseBody, bytes, end);
  }

  responseTrailers(trailers: Pairs): boolean {
    this.context.maps.set(MapType.responseTrailers, trailers);
    return this.passes("proxy_on_response_trailers", trailers.length);
  }
}

export class TcpStream extends Stream {
  connect(): boolean {
    return this.passes("proxy_on_new_connection");
  }

  downstream(bytes: Uint8Array | string, end = false): boolean {
    return this.data("proxy_on_downstream_data", BufferType.downstreamData, bytes, end);
  }

  upstream(bytes: Uint8Array | string, end = false): boolean {
    return this.data("proxy_on_upstream_data", BufferType.upstreamData, bytes, end);
  }

  closeDownstream(peer: number = PeerType.remote): void {
    this.vm.callback(this.context, "proxy_on_downstream_connection_close", peer);
  }

  closeUpstream(peer: number = PeerType.remote): void {
    this.vm.callback(this.context, "proxy_on_upstream_connection_close", peer);
  }
}
