/** `/v1/kv/{key}`: GET (raw, recurse, index, wait), PUT (cas, flags, acquire, release), DELETE (recurse, cas). */
import type { Reply, Request, Routes } from "../runtime/http.ts";
import { block, integerOf } from "./blocking.ts";
import type { Core } from "./core.ts";
import { type Entry, kvLimits, type PutOptions } from "./kv.ts";
import { consul, indexHeaders, refuse, text } from "./text.ts";

export function kvRoutes(core: Core): Routes {
  return {
    "GET /v1/kv/{key...}": consul(async (request) => {
      const key = request.params["key"]!;
      if (request.query.has("keys")) throw refuse(400, "This registry does not list keys");
      if (request.query.has("recurse")) return await list(core, request, key);
      readKey(key);
      await block(core, request, `kv:${key}`, () => core.kv.indexOf(key));
      const entry = core.kv.get(key);
      const headers = indexHeaders(core.kv.indexOf(key));
      if (entry === undefined) return text(404, "", headers);
      if (request.query.has("raw")) return { status: 200, headers: { ...headers, "content-type": "application/octet-stream" }, body: entry.value };
      return { status: 200, headers, body: [describe(key, entry)] };
    }),
    "PUT /v1/kv/{key...}": consul(async (request) => {
      const key = readKey(request.params["key"]!);
      const options = readPut(core, request);
      const value = await request.bytes();
      if (value.length > kvLimits.valueBytes) throw refuse(413, `Request body(${value.length} bytes) too large, max size: ${kvLimits.valueBytes} bytes.`);
      const done = await core.change((index) => {
        if (core.kv.isFull(key, value.length)) throw refuse(500, `The registry is full (${kvLimits.keys} keys, ${kvLimits.totalBytes} bytes)`);
        if (options.acquire !== undefined && core.sessions.isDelayed(key, core.clock.now())) return undefined;
        if (options.acquire !== undefined && core.sessions.get(options.acquire) === undefined) throw refuse(500, `invalid session "${options.acquire}"`);
        const change = core.kv.planPut(key, value, options, index);
        return change.size === 0 ? undefined : change;
      });
      return { status: 200, body: done };
    }),
    "DELETE /v1/kv/{key...}": consul(async (request) => {
      const recurse = request.query.has("recurse");
      const key = recurse ? request.params["key"]! : readKey(request.params["key"]!);
      const cas = integerOf(request.query, "cas");
      return { status: 200, body: await core.change(() => core.kv.planDelete(key, recurse, cas)) };
    }),
  };
}

async function list(core: Core, request: Request, prefix: string): Promise<Reply> {
  await block(core, request, `kv-prefix:${prefix}`, () => core.kv.index);
  const entries = core.kv.list(prefix);
  const headers = indexHeaders(core.kv.index);
  if (entries.length === 0) return text(404, "", headers);
  return { status: 200, headers, body: entries.map(([key, entry]) => describe(key, entry)) };
}

function readKey(key: string): string {
  if (key === "") throw refuse(400, "Missing key name");
  if (Buffer.byteLength(key) > kvLimits.keyBytes) throw refuse(400, `Key is longer than ${kvLimits.keyBytes} bytes`);
  return key;
}

function readPut(core: Core, { query }: Request): PutOptions {
  const options: { -readonly [K in keyof PutOptions]: PutOptions[K] } = {};
  const flags = integerOf(query, "flags");
  const cas = integerOf(query, "cas");
  const acquire = query.get("acquire");
  const release = query.get("release");
  if (flags !== undefined) options.flags = flags;
  if (cas !== undefined) options.cas = cas;
  if ([cas, acquire ?? undefined, release ?? undefined].filter((given) => given !== undefined).length > 1) {
    throw refuse(400, "Conflicting flags: at most one of cas, acquire, release");
  }
  if (acquire !== null) {
    if (core.sessions.get(acquire) === undefined) throw refuse(500, `invalid session "${acquire}"`);
    options.acquire = acquire;
  }
  if (release !== null) options.release = release;
  return options;
}

function describe(key: string, entry: Entry): unknown {
  return {
    LockIndex: entry.lockIndex,
    Key: key,
    Flags: entry.flags,
    Value: entry.value.length === 0 ? null : Buffer.from(entry.value).toString("base64"),
    ...(entry.session === undefined ? {} : { Session: entry.session }),
    CreateIndex: entry.createIndex,
    ModifyIndex: entry.modifyIndex,
  };
}
