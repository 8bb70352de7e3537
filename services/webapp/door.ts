/** webapp's HTTP door. The only importer of `express`. */
import type { IncomingMessage, Server } from "node:http";
import express, { type ErrorRequestHandler, type Request, type RequestHandler, type Response } from "express";
import { isId } from "../protocol/ids.ts";
import { parseJson } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import { problem, ProtocolError, type Reason } from "../protocol/problems.ts";
import { Admission } from "../runtime/admission.ts";
import { assetCaching, type BuiltPage } from "../runtime/built-page.ts";
import { refuseGarbage } from "../runtime/http.ts";
import type { Log } from "../runtime/log.ts";
import type { Metrics, Table } from "../runtime/metrics.ts";
import { createServer } from "../runtime/tls.ts";
import { traceMarks } from "../runtime/trace.ts";
import type { Tracer } from "../runtime/tracing.ts";
import { StoreUnavailable } from "../store/log.ts";
import { chatHeaders } from "./chat-page.ts";
import { ApiError } from "./errors.ts";
import type { House } from "./method.ts";
import { pageHeaders } from "./page.ts";
import { tracedCall } from "./traced-call.ts";
import { refusal, type ApiAnswer, type WebApi } from "./web-api.ts";

export interface DoorParts {
  readonly house: House;
  readonly webApi: WebApi;
  readonly log: Log;
  /** where traces are on */
  readonly tracer: Tracer | undefined;
  readonly isReady: () => boolean;
  /** counters and facts for `/v1/status` */
  readonly status: () => Readonly<Record<string, unknown>>;
  readonly metrics: Pick<Metrics<Table>, "text" | "contentType">;
  /** the status page for a reader who came by this URL */
  readonly page: (url: string) => Promise<string>;
  /** the chat page, where it is served */
  readonly chat: BuiltPage | undefined;
  /** what `/demo.json` says */
  readonly demo: object;
}

/** How long a request's head and body may take to arrive, in milliseconds. */
const requestTimeoutMs = 30_000;

/** An HTTP server for clients (`/api/…`, the pages), gateways (`/v1/…`) and operators (`/livez`, `/readyz`, `/v1/status`). Not listening yet. */
export function createDoor({ house, webApi, log, tracer, isReady, status, metrics, page, chat, demo }: DoorParts): Server {
  const app = express();
  // Case-sensitive, as Envoy's routes are: `/V1/…` passes the edge, and must not be the `/v1/…` that the edge keeps from strangers.
  app.disable("x-powered-by").disable("etag").enable("case sensitive routing");
  // Clients must not take the room of the gateways, which bring their tickets.
  const [ofClients, ofServices] = [bodies(), bodies()];

  app.use("/api", ofClients, async (req, res) => {
    if (req.method !== "GET" && req.method !== "POST") return sendApi(res, refusal(new ApiError("method_not_allowed")));
    const mark = req.originalUrl.indexOf("?");
    const { "content-type": contentType, authorization } = req.headers;
    const query = mark < 0 ? "" : req.originalUrl.slice(mark + 1);
    const method = req.path.slice(1);
    sendApi(res, await tracedCall(tracer, method, req.headers, (marks) => webApi.call({ method, query, contentType, authorization, body: bytesOf(req), origin: originOf(req), marks })));
  });

  app.post("/v1/sessions", ofServices, async (req, res) => {
    const { ticket } = (parseJson(bytesOf(req)) ?? {}) as { ticket?: unknown };
    if (typeof ticket !== "string") throw new ProtocolError("bad_request", "ticket is missing");
    res.json(await house.tickets.redeem(ticket));
  });
  app.get("/v1/users/:id/channels", async (req, res) => {
    const { id } = req.params;
    if (!isId(id)) throw new ProtocolError("bad_id");
    if ((await house.directory.user(id)) === undefined) throw new ProtocolError("not_found", "no such user");
    res.json({ channels: await house.directory.channelsOf(id) });
  });

  app.get("/livez", (_req, res) => void res.json({ live: true }));
  app.get("/readyz", (_req, res) => {
    if (!isReady()) throw new ProtocolError("unavailable", "not registered yet, or stopping");
    res.json({ ready: true });
  });
  app.get("/v1/status", (_req, res) => void res.json(status()));
  app.get("/metrics", async (_req, res) => void res.set("content-type", metrics.contentType).end(await metrics.text()));
  if (chat !== undefined) {
    app.get("/", (req, res) => void res.set(chatHeaders(originOf(req))).end(chat.get("index.html")!.body));
    app.get("/assets/:name", (req, res, next) => {
      const asset = chat.get(`assets/${req.params.name}`);
      if (asset === undefined) return next();
      res.set({ "content-type": asset.type, "cache-control": assetCaching, "x-content-type-options": "nosniff" }).end(asset.body);
    });
  }
  app.get("/demo.json", (_req, res) => void res.set({ "cache-control": "no-store", "x-content-type-options": "nosniff" }).json(demo));
  app.get(chat === undefined ? "/" : "/status", async (req, res) => {
    const { secure, host } = originOf(req);
    const html = await page(`http${secure ? "s" : ""}://${host}`);
    res.set(pageHeaders).end(html);
  });
  app.use((req) => {
    throw new ProtocolError("not_found", `${req.method} ${req.path.slice(0, 200)}`);
  });
  app.use(failed(log));

  const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: requestTimeoutMs }, app);
  server.on("clientError", refuseGarbage);
  return server;
}

/** Admits requests, and reads their bodies whatever their type: what a body must be is decided per door, with this door's own errors. */
function bodies(): RequestHandler {
  const admission = new Admission();
  const read = express.raw({ type: () => true, limit: limits.bodyBytes });
  return (req, res, next) => {
    const admitted = admission.admit(res);
    if (admitted === undefined) throw new ProtocolError("overloaded");
    read(req, res, next);
    req.on("data", (chunk: Buffer) => {
      if (res.headersSent || admitted.hold(chunk.length)) return;
      req.unpipe().pause();
      res.set("connection", "close");
      next(new ProtocolError("overloaded"));
    });
  };
}

/** Whatever went wrong becomes the answer of the door it came through. */
function failed(log: Log): ErrorRequestHandler {
  return (error: unknown, req, res, _next) => {
    if (res.headersSent) return void res.destroy();
    const status = statusOf(error);
    if (req.originalUrl.startsWith("/api/")) {
      if (error instanceof ProtocolError && error.reason === "overloaded") return sendApi(res, refusal(new ApiError("ratelimited")));
      if (status >= 500) log.error({ err: error, url: req.path, ...traceMarks(req.headers) }, "request failed");
      return sendApi(res, refusal(new ApiError(status === 413 ? "request_too_large" : status < 500 ? "invalid_form_data" : "internal_error")));
    }
    const known = error instanceof ProtocolError ? error : new ProtocolError(reasonOf(error, status));
    if (known.reason === "internal") log.error({ err: error, url: req.path, ...traceMarks(req.headers) }, "request failed");
    const answer = problem(known.reason, known.detail);
    if (answer.status === 503) res.set("retry-after", "1");
    res.status(answer.status).set({ "content-type": "application/problem+json", "x-ringway-reason": answer.reason }).end(JSON.stringify(answer));
  };
}

/** What Express and its body reader throw at a client's fault carries the status it would answer. */
function statusOf(error: unknown): number {
  return error instanceof ProtocolError ? problem(error.reason).status : ((error as { status?: number } | undefined)?.status ?? 500);
}

function reasonOf(error: unknown, status: number): Reason {
  if (error instanceof StoreUnavailable) return "store_unavailable";
  if (status === 413) return "body_too_large";
  return status < 500 ? "bad_request" : "internal";
}

function sendApi(res: Response, answer: ApiAnswer): void {
  res.status(answer.status).set({ "content-type": "application/json; charset=utf-8", "x-content-type-options": "nosniff", ...answer.headers });
  res.end(JSON.stringify(answer.body));
}

function bytesOf(req: Request): Uint8Array {
  return Buffer.isBuffer(req.body) ? req.body : Buffer.alloc(0);
}

/** Where the client thinks it talks to: its own Host header, and what the proxy in front says of TLS. */
function originOf(req: IncomingMessage): { readonly secure: boolean; readonly host: string } {
  const host = req.headers.host ?? "";
  if (!/^[A-Za-z0-9._-]{1,253}(:\d{1,5})?$|^\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?$/.test(host)) throw new ProtocolError("bad_request", "the Host header is not valid");
  const proto = req.headers["x-forwarded-proto"];
  return { secure: (proto instanceof Array ? proto[0] : proto)?.split(",")[0]?.trim() === "https", host };
}
