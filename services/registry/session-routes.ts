/** `/v1/session/…`: create, renew, destroy, info. */
import type { Routes } from "../runtime/http.ts";
import { parseDuration } from "./duration.ts";
import type { Core } from "./core.ts";
import { type Session, sessionLimits } from "./sessions.ts";
import { consul, indexHeaders, objectOf, refuse, stringOf } from "./text.ts";

/** Consul's default lock delay. */
const LOCK_DELAY_MS = 15_000;

export function sessionRoutes(core: Core): Routes {
  return {
    "PUT /v1/session/create": consul(async (request) => {
      const body = objectOf(await request.bytes());
      const behavior = stringOf(body, "Behavior") || "release";
      if (behavior !== "release" && behavior !== "delete") throw refuse(400, `Invalid Behavior setting '${behavior.slice(0, 32)}'`);
      const ttlMs = readTtl(stringOf(body, "TTL"));
      const delay = stringOf(body, "LockDelay");
      const lockDelayMs = delay === "" ? LOCK_DELAY_MS : parseDuration(delay);
      if (lockDelayMs === undefined || lockDelayMs > sessionLimits.lockDelayMaxMs) throw refuse(400, "Invalid LockDelay");
      if (core.sessions.size >= sessionLimits.sessions) throw refuse(500, "Too many sessions");
      const id = core.newId();
      core.sessions.add({ id, name: stringOf(body, "Name"), ttlMs, behavior, lockDelayMs, createIndex: core.takeIndex() }, core.clock.now());
      return { status: 200, body: { ID: id } };
    }),
    "PUT /v1/session/renew/{id}": consul((request) => {
      const id = request.params["id"]!;
      const session = core.sessions.renew(id, core.clock.now());
      if (session === undefined) throw refuse(404, `Session id '${id}' not found`);
      return { status: 200, headers: indexHeaders(session.createIndex), body: [describe(session)] };
    }),
    "PUT /v1/session/destroy/{id}": consul(async (request) => {
      const session = core.sessions.get(request.params["id"]!);
      if (session !== undefined) await core.endSession(session);
      return { status: 200, body: true };
    }),
    "GET /v1/session/info/{id}": consul((request) => {
      const session = core.sessions.get(request.params["id"]!);
      return { status: 200, headers: indexHeaders(session?.createIndex ?? 1), body: session === undefined ? [] : [describe(session)] };
    }),
  };
}

function readTtl(ttl: string): number {
  if (ttl === "") return 0;
  const ttlMs = parseDuration(ttl);
  if (ttlMs === undefined) throw refuse(400, `Request decode failed: TTL '${ttl.slice(0, 32)}' is not a duration`);
  if (ttlMs < sessionLimits.ttlMinMs || ttlMs > sessionLimits.ttlMaxMs) {
    throw refuse(400, `Invalid Session TTL '${ttl}', must be between [${sessionLimits.ttlMinMs / 1000}s=${sessionLimits.ttlMaxMs / 1000}s]`);
  }
  return ttlMs;
}

function describe(session: Session): unknown {
  return {
    ID: session.id,
    Name: session.name,
    Node: "ringway",
    LockDelay: session.lockDelayMs * 1e6,
    Behavior: session.behavior,
    TTL: session.ttlMs === 0 ? "" : `${session.ttlMs / 1000}s`,
    CreateIndex: session.createIndex,
    ModifyIndex: session.createIndex,
  };
}
