/** The mesh API's HTTP side (protocol/mesh.ts): checks what arrives and asks the core. */
import { isId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import { problem, ProtocolError } from "../protocol/problems.ts";
import { problemReply, type Handler, type Reply as HttpReply, type Request, type Routes } from "../runtime/http.ts";
import { isSampled, traceParent } from "../runtime/trace.ts";
import { StoreUnavailable, type LogStore } from "../store/log.ts";
import type { Ask, Query, Released, Reply } from "./events.ts";
import { parsePublish } from "./parse-publish.ts";
import { eventsJson, historyJson, publishedJson } from "./replies.ts";

/** Messages in a page where the request names no limit. */
const defaultPage = 100;
const tsShape = /^\d{1,16}(\.\d{0,6})?$/;

export interface Door {
  /** Asks the core. @param epoch the topology by which the request was sent here, 0 = not said */
  ask(channel: string, epoch: number, ask: Ask): Promise<Reply>;
  /** Another server lets slots go that are this one's. */
  released(epoch: number, slots: readonly Released[]): Promise<Reply>;
  readonly store: LogStore;
  readonly ready: () => boolean;
  readonly status: () => object;
  readonly metrics: Handler;
}

/** The routes of a channel server. */
export function channelRoutes(door: Door): Routes {
  const asked = async (request: Request, ask: Ask): Promise<HttpReply> => {
    const reply = await door.ask(channelOf(request), epochOf(request), ask);
    return await answer(reply, door.store);
  };
  return {
    "GET /livez": () => ({ status: 200, body: { ok: true } }),
    "GET /readyz": () => (door.ready() ? { status: 200, body: { ok: true } } : problemReply(problem("unavailable"))),
    "GET /v1/status": () => ({ status: 200, body: door.status() }),
    "GET /metrics": door.metrics,
    "POST /v1/releases": async (request) => {
      const { epoch, slots } = readReleases(await request.json());
      return await answer(await door.released(epoch, slots), door.store);
    },
    "GET /v1/channels/{id}": (request) => asked(request, { type: "info" }),
    "POST /v1/channels/{id}/messages": async (request) => asked(request, { type: "publish", publish: parsePublish(await request.json()), bytes: (await request.bytes()).length, trace: sampledTrace(request) }),
    "POST /v1/channels/{id}/typing": async (request) => asked(request, { type: "typing", user: typist(await request.json()) }),
    "GET /v1/channels/{id}/messages": (request) => asked(request, { type: "query", query: historyQuery(request.query) }),
    "GET /v1/channels/{id}/messages/{ts}": (request) => asked(request, { type: "query", query: { type: "message", ts: ts("ts", request.params["ts"]!) } }),
    "GET /v1/channels/{id}/events": (request) => asked(request, { type: "query", query: eventsQuery(request.query) }),
  };
}

async function answer(reply: Reply, store: LogStore): Promise<HttpReply> {
  switch (reply.type) {
    case "published":
      return { status: reply.published.duplicate ? 200 : 201, body: publishedJson(reply.published) };
    case "accepted":
      return { status: 202 };
    case "info":
      return { status: 200, body: reply.info };
    case "query":
      try {
        return { status: 200, body: await read(reply.channel, reply.query, reply.head, store) };
      } catch (error) {
        throw error instanceof StoreUnavailable ? new ProtocolError("store_unavailable") : error;
      }
    case "refused": {
      const where = reply.reason === "misdirected" ? { "x-ringway-owner": reply.owner, "x-ringway-epoch": String(reply.epoch) } : {};
      const when = reply.retryAfterMs > 0 ? { "retry-after": String(Math.ceil(reply.retryAfterMs / 1_000)) } : {};
      return problemReply(problem(reply.reason, reply.detail === "" ? undefined : reply.detail), { ...where, ...when });
    }
  }
}

async function read(channel: string, query: Query, head: number, store: LogStore): Promise<Uint8Array> {
  if (query.type === "history") {
    const { messages, more } = await store.history(channel, query.query);
    return historyJson(messages, more);
  }
  if (query.type === "events") {
    const entries = await store.after(channel, query.after, query.limit);
    return eventsJson(head, entries.filter(({ offset }) => offset <= head));
  }
  const message = await store.message(channel, query.ts);
  if (message === undefined) throw new ProtocolError("message_not_found");
  return message;
}

function historyQuery(query: URLSearchParams): Query {
  const bound = (name: string): string => (query.get(name) ? ts(name, query.get(name)!) : "");
  const inclusive = ["1", "true"].includes(query.get("inclusive") ?? "");
  return { type: "history", query: { latest: bound("latest"), oldest: bound("oldest"), inclusive, limit: whole(query, "limit", defaultPage, 1, limits.historyPage) } };
}

function eventsQuery(query: URLSearchParams): Query {
  return { type: "events", after: whole(query, "after", 0, 0, Number.MAX_SAFE_INTEGER), limit: whole(query, "limit", limits.batchEvents, 1, limits.batchEvents) };
}

/** @throws ProtocolError bad_request that names the field */
function readReleases(body: unknown): { epoch: number; slots: Released[] } {
  const { epoch, slots } = (body ?? {}) as { epoch?: unknown; slots?: unknown };
  if (!Number.isSafeInteger(epoch)) throw new ProtocolError("bad_request", "epoch must be a whole number");
  if (!Array.isArray(slots)) throw new ProtocolError("bad_request", "slots must be a list");
  const list = slots.map((item: unknown, i): Released => {
    const [slot, channels] = Array.isArray(item) ? (item as unknown[]) : [];
    if (!Number.isInteger(slot) || (slot as number) < 0 || (slot as number) > 65_535) throw new ProtocolError("bad_request", `slots[${i}][0] must be a slot`);
    if (!Array.isArray(channels) || !channels.every((id) => typeof id === "string" && isId(id))) throw new ProtocolError("bad_request", `slots[${i}][1] must be channel IDs`);
    return [slot as number, channels as string[]];
  });
  return { epoch: epoch as number, slots: list };
}

function sampledTrace({ headers }: Request): string {
  const trace = traceParent(headers);
  return isSampled(trace) ? trace : "";
}

function channelOf({ params }: Request): string {
  const id = params["id"]!;
  if (!isId(id)) throw new ProtocolError("bad_id", "the channel's ID");
  return id;
}

/** A number that isn't one says nothing. */
function epochOf({ headers }: Request): number {
  const epoch = Number(headers["x-ringway-epoch"]);
  return Number.isSafeInteger(epoch) ? epoch : 0;
}

function typist(body: unknown): string {
  const user = (body as { user?: unknown } | null)?.user;
  if (typeof user !== "string" || !isId(user)) throw new ProtocolError("bad_request", "user must be an ID");
  return user;
}

function ts(name: string, value: string): string {
  if (!tsShape.test(value)) throw new ProtocolError("bad_request", `${name} must be seconds.micros`);
  return value;
}

function whole(query: URLSearchParams, name: string, otherwise: number, min: number, max: number): number {
  const given = query.get(name);
  if (given === null || given === "") return otherwise;
  const value = Number(given);
  if (!Number.isInteger(value) || value < min || value > max) throw new ProtocolError("bad_request", `${name} must be a whole number from ${min} to ${max}`);
  return value;
}
