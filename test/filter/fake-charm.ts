/**
 * What Envoy asks of charm, and no more: one KV key with Consul's blocking queries, and endpoints by REST xDS.
 * The tests play with it (damage, silence, odd indexes) in ways that the real charm can't be asked to.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { listenOnFreePort } from "./ports.ts";

/** Endpoints of one cluster: `ip:port` and zone. */
export interface Endpoint {
  readonly addr: string;
  readonly zone?: string;
}

export class FakeCharm {
  readonly #server: Server;
  readonly #waiting = new Set<() => void>();
  #document: Uint8Array | undefined;
  #index = 1;
  #endpoints = new Map<string, readonly Endpoint[]>();
  #endpointsVersion = 1;
  /** Requests for the topology so far, by the index they asked for. */
  readonly polls: number[] = [];
  /** The hosts by which it was asked for the topology. */
  readonly hosts = new Set<string | undefined>();
  /** Discovery requests answered with 304: nothing new. */
  notModified = 0;
  /** When set, the KV answers with this status and nothing else. */
  failWith: number | undefined;
  /** Headers of the next document that is sent, and of no other. */
  nextHeaders: Readonly<Record<string, string>> = {};
  port = 0;

  constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  /** Polls that wait for a change right now. */
  get waiting(): number {
    return this.#waiting.size;
  }

  async start(port = 0): Promise<void> {
    this.port = await listenOnFreePort(this.#server, port);
  }

  async stop(): Promise<void> {
    this.#wake();
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  /** Publishes a document under the next index (or under `index`). */
  publish(document: Uint8Array | undefined, index = this.#index + 1): void {
    this.#document = document;
    this.#index = index;
    this.#wake();
  }

  setEndpoints(cluster: string, endpoints: readonly Endpoint[]): void {
    this.#endpoints.set(cluster, endpoints);
    this.#endpointsVersion++;
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://charm");
    if (url.pathname === "/v3/discovery:endpoints") return this.#discover(request, response);
    if (url.pathname === "/v1/kv/ringway/topology.bin") {
      this.hosts.add(request.headers.host);
      return this.#topology(url, response);
    }
    response.writeHead(404).end();
  }

  async #topology(url: URL, response: ServerResponse): Promise<void> {
    const index = Number(url.searchParams.get("index") ?? 0);
    this.polls.push(index);
    if (this.failWith === undefined && index === this.#index) {
      await new Promise<void>((done) => {
        const wake = () => {
          clearTimeout(timer);
          this.#waiting.delete(wake);
          done();
        };
        const timer = setTimeout(wake, Number.parseInt(url.searchParams.get("wait") ?? "10000"));
        this.#waiting.add(wake);
      });
    }
    if (this.failWith !== undefined) {
      response.writeHead(this.failWith).end();
      return;
    }
    const headers = { "x-consul-index": String(this.#index), "content-type": "application/octet-stream", ...this.nextHeaders };
    this.nextHeaders = {};
    if (this.#document === undefined) response.writeHead(404, headers).end();
    else response.writeHead(200, headers).end(this.#document);
  }

  async #discover(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const asked = JSON.parse(Buffer.concat(chunks).toString()) as { resource_names?: string[]; version_info?: string };
    if (asked.version_info === String(this.#endpointsVersion)) {
      this.notModified++;
      response.writeHead(304).end();
      return;
    }
    const resources = (asked.resource_names ?? []).map((cluster) => ({
      "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
      cluster_name: cluster,
      endpoints: byZone(this.#endpoints.get(cluster) ?? []),
    }));
    response.writeHead(200, { "content-type": "application/json" });
    response.end(
      JSON.stringify({
        version_info: String(this.#endpointsVersion),
        type_url: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        resources,
      }),
    );
  }
}

function byZone(endpoints: readonly Endpoint[]): unknown[] {
  const zones = Map.groupBy(endpoints, (endpoint) => endpoint.zone ?? "local");
  return [...zones].map(([zone, members]) => ({
    locality: { zone },
    lb_endpoints: members.map(({ addr }) => {
      const colon = addr.lastIndexOf(":");
      const address = addr.slice(0, colon);
      return { endpoint: { address: { socket_address: { address, port_value: Number(addr.slice(colon + 1)) } } } };
    }),
  }));
}
