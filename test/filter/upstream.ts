/** An upstream server of the tests: tells who it is, remembers what came, and misbehaves when told to. */
import { createServer, request as httpRequest, type IncomingHttpHeaders, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { listenOnFreePort } from "./ports.ts";

export type Behaviour = "ok" | "reset" | "misdirected" | "overloaded" | "silent";

export class Upstream {
  readonly id: string;
  readonly requests: { readonly method: string; readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: string }[] = [];
  behaviour: Behaviour = "ok";
  port = 0;
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true });
  readonly #open = new Set<Duplex>();

  constructor(id: string) {
    this.id = id;
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { method = "", url = "", headers } = request;
        this.requests.push({ method, path: url, headers, body: Buffer.concat(chunks).toString() });
        if (this.behaviour === "reset") {
          request.socket.destroy();
          return;
        }
        if (this.behaviour === "silent") return;
        const status = this.behaviour === "misdirected" ? 421 : 200;
        response.writeHead(status, { "x-ringway-owner": this.id, "x-seen-epoch": headers["x-ringway-epoch"] ?? "" }).end(this.id);
      });
    });
    this.#server.on("connection", (socket) => {
      this.#open.add(socket);
      socket.on("close", () => this.#open.delete(socket));
    });
    this.#server.on("upgrade", (request, socket, head) => {
      const { method = "", url = "", headers } = request;
      this.requests.push({ method, path: url, headers, body: "" });
      if (this.behaviour === "reset") {
        socket.destroy();
        return;
      }
      if (this.behaviour === "misdirected") {
        socket.end("HTTP/1.1 421 Misdirected Request\r\ncontent-length: 0\r\n\r\n");
        return;
      }
      if (this.behaviour === "overloaded") {
        socket.end("HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n");
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (ws) => {
        ws.send(this.id);
        ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary }));
      });
    });
  }

  get addr(): string {
    return `127.0.0.1:${this.port}`;
  }

  async start(): Promise<this> {
    this.port = await listenOnFreePort(this.#server, this.port);
    return this;
  }

  /** As `kill -9` looks from outside: all sockets reset, the port refuses. `start` brings it back at the same address. */
  async kill(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise((done) => this.#server.close(done));
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A request on a connection of its own, so that any worker may get it. The path goes out as it is. */
export function ask(host: string, path: string, options: { method?: string; headers?: Record<string, string | string[]>; body?: string } = {}): Promise<Answer> {
  const [hostname, port] = host.split(":");
  const { method = "GET", headers = {}, body } = options;
  return new Promise((done, fail) => {
    const request = httpRequest({ hostname, port, path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", fail);
      response.on("end", () => done({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() }));
    });
    request.on("error", fail);
    request.end(body);
  });
}
