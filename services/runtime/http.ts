/**
 * A small JSON door on node:http for the services that stand on a hot path. Handlers return a Reply or throw
 * ProtocolError; whatever else they throw is answered as `internal` and logged: the request suffers, the process doesn't.
 */
import type { IncomingMessage, Server as HttpServer, ServerResponse } from "node:http";
import { pipeline, type Duplex } from "node:stream";
import { limits } from "../protocol/limits.ts";
import { parseJson } from "../protocol/json.ts";
import { problem, ProtocolError } from "../protocol/problems.ts";
import { Admission, type Admitted } from "./admission.ts";
import type { Log } from "./log.ts";
import { createServer, type Clients } from "./tls.ts";
import { traceMarks } from "./trace.ts";

export interface Request {
  readonly method: string;
  /** decoded values of the `{name}` parts of the route */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  /** aborted when the client is gone */
  readonly signal: AbortSignal;
  /** @throws ProtocolError body_too_large, overloaded */
  bytes(): Promise<Buffer>;
  /** @throws ProtocolError body_too_large, overloaded, bad_json */
  json(): Promise<unknown>;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** a Uint8Array or string is sent as it is, anything else as JSON; undefined = no body */
  readonly body?: unknown;
  /** in the place of a body: parts that are sent as they come, no faster than the client reads; returned from when it is gone */
  readonly stream?: AsyncIterable<string>;
}

export type Handler = (request: Request) => Promise<Reply> | Reply;
/** `"GET /v1/channels/{id}"` → handler. `{name}` takes one path segment; a last `{name...}` takes the rest. */
export type Routes = Readonly<Record<string, Handler>>;

interface Route {
  readonly method: string;
  readonly pattern: RegExp;
  readonly handler: Handler;
}

export interface HttpDoor {
  readonly server: HttpServer;
  /** Starts listening at `host:port`. @returns the address in use (port 0 resolved) */
  listen(address: string): Promise<string>;
  /** Stops accepting, ends idle connections, waits for running requests at most `graceMs`. */
  close(graceMs?: number): Promise<void>;
}

export interface HttpOptions {
  /** bound of a request body */
  readonly bodyBytes?: number;
  /** how long who reads a stream may take none of it */
  readonly drainMs?: number;
  /** who may connect, where the process speaks TLS; default: the plane's services */
  readonly clients?: Clients;
}

export function createHttp(routes: Routes, log: Log, { bodyBytes = limits.bodyBytes, drainMs = limits.streamDrainMs, clients = "services" }: HttpOptions = {}): HttpDoor {
  const table = Object.entries(routes).map(([key, handler]) => compile(key, handler));
  const admission = new Admission();
  const server = createServer({ keepAliveTimeout: 60_000 }, (req, res) => {
    const admitted = admission.admit(res);
    if (admitted !== undefined) return void answer(table, req, res, log, { limit: bodyBytes, admitted, drainMs });
    if (!req.complete) res.setHeader("connection", "close");
    send(res, problemReply(problem("overloaded")), drainMs);
  }, clients);
  server.on("clientError", refuseGarbage);
  return {
    server,
    listen: (address) =>
      new Promise((resolve, reject) => {
        const colon = address.lastIndexOf(":");
        server.once("error", reject);
        server.listen(Number(address.slice(colon + 1)), address.slice(0, colon), () => {
          server.removeListener("error", reject);
          const bound = server.address();
          resolve(typeof bound === "object" && bound !== null ? `${bound.address}:${bound.port}` : address);
        });
      }),
    close: (graceMs = 1_000) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => server.closeAllConnections(), graceMs);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

/** What is not HTTP is told so; what does not get through TLS's handshake, where there is one, understands nothing. */
export function refuseGarbage(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (socket.writable && /^(?:HPE|ERR_HTTP)_/.test(error.code ?? "")) socket.end(raw(400, problem("bad_request", "malformed HTTP")));
  else socket.destroy();
}

function compile(key: string, handler: Handler): Route {
  const [method, path] = key.split(" ") as [string, string];
  const source = path.replace(/[.]/g, "\\.").replace(/\{(\w+)(\\\.\\\.\\\.)?\}/g, (_, name: string, rest: string | undefined) => `(?<${name}>${rest === undefined ? "[^/]+" : ".*"})`);
  return { method, pattern: new RegExp(`^${source}$`), handler };
}

const clientGone = new Error("the client is gone");

/** What a request's body may take, and the reader of a streamed answer. */
interface Room {
  readonly limit: number;
  readonly admitted: Admitted;
  readonly drainMs: number;
}

async function answer(table: readonly Route[], req: IncomingMessage, res: ServerResponse, log: Log, room: Room): Promise<void> {
  try {
    send(res, await dispatch(table, req, res, room), room.drainMs);
  } catch (error) {
    const failed = error instanceof ProtocolError ? problem(error.reason, error.detail) : problem("internal");
    if (!(error instanceof ProtocolError)) log.error({ err: error, url: req.url, ...traceMarks(req.headers) }, "request failed");
    if (!req.complete) res.setHeader("connection", "close");
    send(res, problemReply(failed), room.drainMs);
  }
}

/** The reply that carries a problem. */
export function problemReply(body: ReturnType<typeof problem>, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status: body.status, headers: { "content-type": "application/problem+json", "x-ringway-reason": body.reason, ...retryAfter(body.status), ...headers }, body };
}

function retryAfter(status: number): Record<string, string> {
  return status === 503 || status === 429 ? { "retry-after": "1" } : {};
}

async function dispatch(table: readonly Route[], req: IncomingMessage, res: ServerResponse, room: Room): Promise<Reply> {
  const url = req.url ?? "/";
  const mark = url.indexOf("?");
  const path = mark < 0 ? url : url.slice(0, mark);
  let known = false;
  for (const route of table) {
    const match = route.pattern.exec(path);
    if (match === null) continue;
    known = true;
    if (route.method !== req.method) continue;
    let gone: AbortController | undefined;
    let body: Promise<Buffer> | undefined;
    const bytes = (): Promise<Buffer> => (body ??= readBody(req, room));
    return await route.handler({
      method: req.method,
      params: decodeParams(match.groups ?? {}),
      query: new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1)),
      headers: req.headers,
      // Few ask for it, and each costs more than all else here.
      get signal() {
        if (gone === undefined) {
          const one = (gone = new AbortController());
          if (res.closed) one.abort(clientGone);
          else res.once("close", () => one.abort(clientGone));
        }
        return gone.signal;
      },
      bytes,
      json: async () => parseJson(await bytes()),
    });
  }
  throw new ProtocolError(known ? "method_not_allowed" : "not_found", `${req.method} ${path.slice(0, 200)}`);
}

function decodeParams(groups: Record<string, string>): Record<string, string> {
  try {
    return Object.fromEntries(Object.entries(groups).map(([name, value]) => [name, decodeURIComponent(value)]));
  } catch {
    throw new ProtocolError("bad_request", "the path is not valid percent-encoding");
  }
}

function readBody(req: IncomingMessage, { limit, admitted }: Room): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    req.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit) {
        req.pause();
        reject(new ProtocolError("body_too_large", `more than ${limit} bytes`));
      } else if (!admitted.hold(chunk.length)) {
        req.pause();
        reject(new ProtocolError("overloaded"));
      } else chunks.push(chunk);
    });
    req.on("end", () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    req.on("error", () => reject(new ProtocolError("bad_request", "the body was cut short")));
    req.on("close", () => reject(new ProtocolError("bad_request", "the body was cut short")));
  });
}

function encodeBody(body: unknown): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.length);
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
}

/** Parts as they come. Who asks for the next one has room again; a client that makes none for too long is cut off, for it holds a place. */
async function* timed(parts: AsyncIterable<string>, res: ServerResponse, drainMs: number): AsyncGenerator<string> {
  for await (const part of parts) {
    const timer = setTimeout(() => res.destroy(), drainMs);
    try {
      yield part;
    } finally {
      clearTimeout(timer);
    }
  }
}

function send(res: ServerResponse, reply: Reply, drainMs: number): void {
  if (res.headersSent || res.destroyed) return;
  if (reply.stream !== undefined) {
    res.writeHead(reply.status, { ...reply.headers });
    // A client that goes in the middle is no fault, and nobody is left to be told of another.
    pipeline(timed(reply.stream, res, drainMs), res, () => undefined);
    return;
  }
  const body = encodeBody(reply.body);
  const type = reply.body === undefined ? {} : { "content-type": "application/json" };
  res.writeHead(reply.status, { ...type, "content-length": body.length, ...reply.headers });
  res.end(body);
}

/** A whole HTTP/1.1 response as bytes, for refusing an upgrade on a bare socket. */
export function raw(status: number, body: ReturnType<typeof problem>): string {
  const text = JSON.stringify(body);
  const headers = { connection: "close", "content-type": "application/problem+json", "content-length": Buffer.byteLength(text), "x-ringway-reason": body.reason, ...retryAfter(status) };
  return `HTTP/1.1 ${status} ${body.title}\r\n${Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${text}`;
}
