/** The console's server before a real charm, with small servers in its ring that say what they are asked. */
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { readConfig as readCharmConfig } from "../charm/config.ts";
import { start as startCharm } from "../charm/server.ts";
import { limits } from "../protocol/limits.ts";
import { connectRegistry } from "../registry/consul.ts";
import { keepRegistered } from "../registry/register.ts";
import { DEV_KEY } from "../ring/key.ts";
import { systemClock } from "../runtime/clock.ts";
import { createHttp, type Routes } from "../runtime/http.ts";
import type { Running } from "../runtime/lifecycle.ts";
import { createLog } from "../runtime/log.ts";
import { ask, type Answer, type Ask } from "../runtime/request.ts";
import { readConfig } from "./config.ts";
import { start } from "./server.ts";
import type { Snapshot } from "./snapshot.ts";

const log = createLog("test", "console", "silent");
const token = "the-operators-own-token";
let console_: Running;
let folder: string;
let published = 0;
const cleanUp: (() => Promise<unknown>)[] = [];

async function door(routes: Routes): Promise<string> {
  const http = createHttp(routes, log);
  cleanUp.push(() => http.close(50));
  return http.listen("127.0.0.1:0");
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ringway-console-"));
  cleanUp.push(() => rm(folder, { recursive: true, force: true }));
  const page = join(folder, "page");
  await mkdir(join(page, "assets"), { recursive: true });
  await writeFile(join(page, "index.html"), "<!doctype html>");
  await writeFile(join(page, "assets", "main-1.js"), "0");
  await writeFile(join(page, "secret.txt"), "not of the page");

  const charm = await startCharm(readCharmConfig(["--listen", "127.0.0.1:0", "--data", join(folder, "charm"), "--ring-key", DEV_KEY, "--settle-ms", "50", "--boot-grace-ms", "100", "--step-percent", "100"]), log);
  cleanUp.push(() => charm.stop());
  const serve = async (pool: string, id: string, routes: Routes): Promise<void> => {
    const registration = { service: `ringway-${pool}`, id, addr: await door(routes), meta: { zone: "a", weight: "100" }, ttlMs: 2_000 };
    const member = keepRegistered({ registry: connectRegistry(`http://${charm.address}`), registration, passEveryMs: 200, clock: systemClock, log });
    cleanUp.push(() => member.stop());
  };
  await serve("channel", "cs-0", { "GET /metrics": () => ({ status: 200, body: `ringway_channel_channels 7\nringway_channel_published_total ${(published += 1_000)}\nringway_channel_pending_bytes 12\n` }) });
  await serve("channel", "cs-1", {});
  await serve("gateway", "gw-0", {
    "GET /metrics": () => ({ status: 200, body: "ringway_gateway_sessions 3\n" }),
    "GET /v1/subscribers/{channel}": ({ params }) => ({ status: 200, body: { gateway: "gw-0", channel: params["channel"], subscribers: 2, last: 41 } }),
  });
  const mesh = await door({
    "GET /v1/channels/{id}": ({ params }) => ({ status: 200, body: { channel: params["id"], slot: 1, owner: "cs-0", epoch: 1, fence: 4, head: 42, last_ts: "1.000042" } }),
    "GET /v1/presence/users/{id}": ({ params }) => ({ status: 200, body: { user: params["id"], presence: "active", online: true, manual_away: false } }),
  });
  const envoy = await door({ "GET /stats": ({ query }) => ({ status: 200, headers: { "content-type": "text/plain" }, body: query.get("filter") === "ringway|upstream_rq_421" ? "wasmcustom.ringway_epoch: 9\nwasmcustom.ringway_feed_age_ms: 120\ncluster.channel.upstream_rq_421: 3\ncluster.channel.retry.upstream_rq_421: 4\n" : "" }) });
  const flags = ["--listen", "127.0.0.1:0", "--charm-url", `http://${charm.address}`, "--mesh-url", `http://${mesh}`, "--envoy-admin-urls", `http://${envoy},http://127.0.0.1:1`, "--ring-key", DEV_KEY, "--operator-token", token];
  console_ = await start(readConfig(flags), log, page);
  cleanUp.push(() => console_.stop());
  await vi.waitFor(async () => expect((await ask(`http://${charm.address}/v1/charm/status`)).json).toMatchObject({ pools: { channel: { up: 2 }, gateway: { up: 1 } }, rebalance: null }), 10_000);
});
afterAll(async () => {
  for (const end of cleanUp.reverse()) await end();
});

const url = (path: string): string => `http://${console_.address}${path}`;
const get = (path: string, options: Ask = {}): Promise<Answer> => ask(url(path), { ...options, headers: { authorization: `Bearer ${token}`, ...options.headers } });
const refusal = ({ status, json }: Answer): unknown => [status, (json as { reason?: string }).reason, (json as { detail?: string }).detail];

describe("who may use it", () => {
  test.each([
    ["GET", "/console/api/state"],
    ["GET", "/console/api/stream"],
    ["POST", "/console/api/preview"],
    ["PUT", "/console/api/servers/cs-0"],
    ["PUT", "/console/api/pins"],
    ["GET", "/console/api/channels/C1"],
    ["GET", "/console/api/users/U1"],
  ] as const)("%s %s needs the operator's token", async (method, path) => {
    for (const authorization of ["", "Bearer ", "Bearer wrong-but-long-enough", `Basic ${token}`, `Bearer ${token}x`]) {
      const answer = await ask(url(path), { method, headers: { authorization } });
      expect(refusal(answer), authorization).toEqual([401, "bad_token", undefined]);
      expect(answer.headers["www-authenticate"]).toBe("Bearer");
    }
  });

  test("refused requests are counted, and the token is in no answer about the service itself", async () => {
    for (const path of ["/v1/status", "/metrics", "/readyz", "/livez"]) {
      const { status, bytes } = await ask(url(path));
      expect(status).toBe(200);
      expect(bytes.toString()).not.toContain(token);
    }
    expect((await ask(url("/metrics"))).bytes.toString()).toMatch(/ringway_console_refused_total [1-9]/);
  });
});

describe("the page", () => {
  test("is served below /console/ with a policy that lets nothing else in", async () => {
    expect(await ask(url("/console"))).toMatchObject({ status: 308, headers: { location: "/console/" } });
    const { status, headers, bytes } = await ask(url("/console/"));
    expect([status, bytes.toString()]).toEqual([200, "<!doctype html>"]);
    expect(headers["content-security-policy"]).toBe("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    expect(await ask(url("/console/assets/main-1.js"))).toMatchObject({ status: 200, headers: { "content-type": "text/javascript; charset=utf-8", "x-content-type-options": "nosniff" } });
  });

  test.each(["secret.txt", "..%2fcharm%2fkv", "%2e%2e/secret.txt", "assets", "assets/", "index.html/"])("%s is no file of it", async (path) => {
    // As it is written: a URL's parser would take the dots out.
    const status = await new Promise((resolve, reject) => {
      const [host, port] = console_.address.split(":") as [string, string];
      httpRequest({ host, port, path: `/console/${path}` }, (answer) => resolve(answer.resume().statusCode)).on("error", reject).end();
    });
    expect(status).toBe(404);
  });

  test("that is not built stops the start with what to do", async () => {
    const config = readConfig(["--listen", "127.0.0.1:0", "--ring-key", DEV_KEY, "--operator-token", token]);
    await expect(start(config, log, join(folder, "nowhere"))).rejects.toThrow("npm run build");
  });
});

describe("what it shows", () => {
  test("one look has the ring's shares, each server's figures, each Envoy's ring, and charm's decisions", async () => {
    const { json } = await get("/console/api/state");
    const snapshot = json as Snapshot;
    expect(snapshot.servers.map(({ pool, id, state, weight, zone }) => [pool, id, state, weight, zone])).toEqual([["channel", "cs-0", "up", 100, "a"], ["channel", "cs-1", "up", 100, "a"], ["gateway", "gw-0", "up", 100, "a"]]);
    expect(snapshot.servers.reduce((sum, { pool, slots }) => sum + (pool === "channel" ? slots : 0), 0)).toBe(65_536);
    expect(snapshot.servers.map(({ figures }) => figures && [figures.channels, figures.connections, figures.queue_bytes])).toEqual([[7, 0, 12], null, [0, 3, 0]]);
    expect(snapshot.envoys).toMatchObject([{ epoch: 9, ring_age_ms: 120, misdirected: 7 }, { url: "http://127.0.0.1:1", epoch: null, ring_age_ms: null }]);
    expect(snapshot.decisions.map(({ text }) => text)).toContain("took the lead");
    expect(snapshot.charm).toMatchObject({ leading: true, rebalance: null, held: {} });
  });

  test("a stream is a look a second, with rates, and tells each decision once; nobody looks while nobody watches", async () => {
    const stop = new AbortController();
    const answer = await fetch(url("/console/api/stream"), { headers: { authorization: `Bearer ${token}` }, signal: stop.signal });
    expect(answer.headers.get("content-type")).toBe("application/x-ndjson");
    let text = "";
    const looks: Snapshot[] = [];
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.split("\n").length > 3) break;
    }
    stop.abort();
    for (const line of text.trimEnd().split("\n")) looks.push(JSON.parse(line) as Snapshot);
    expect(looks[1]!.at - looks[0]!.at).toBeGreaterThan(900);
    expect(looks.slice(1).map(({ decisions }) => decisions)).toEqual(looks.slice(1).map(() => []));
    expect(looks[1]!.figures.messages_per_second).toBeGreaterThan(500);
    await vi.waitFor(async () => expect((await ask(url("/v1/status"))).json).toMatchObject({ watchers: 0 }), 5_000);
    const { looks: before } = (await ask(url("/v1/status"))).json as { looks: number };
    expect((await get("/console/api/channels/C1")).status).toBe(200);
    expect((await ask(url("/v1/status"))).json).toMatchObject({ looks: before });
  });

  test("more watchers than its bound are refused", async () => {
    const stop = new AbortController();
    const watch = (): Promise<Response> => fetch(url("/console/api/stream"), { headers: { authorization: `Bearer ${token}` }, signal: stop.signal });
    const all = await Promise.all(Array.from({ length: limits.consoleWatchers }, watch));
    expect(all.every(({ status }) => status === 200)).toBe(true);
    expect(refusal(await get("/console/api/state"))).toEqual([503, "overloaded", "32 watch already"]);
    stop.abort();
    await vi.waitFor(async () => expect((await ask(url("/v1/status"))).json).toMatchObject({ watchers: 0 }), 5_000);
    expect((await get("/console/api/state")).status).toBe(200);
  });
});

describe("looking up", () => {
  test("a channel: slot, owner, preference list, last offset, readers at each gateway", async () => {
    const { json } = await get("/console/api/channels/C0GENERAL");
    expect(json).toMatchObject({ kind: "channel", id: "C0GENERAL", pinned: false, problem: null, served: { by: "cs-0", last_offset: 42, fence: 4 }, subscribers: [{ gateway: "gw-0", count: 2, last: 41 }] });
    const { owner, preference } = json as { owner: string; preference: string[] };
    expect(preference[0]).toBe(owner);
    expect(preference.toSorted()).toEqual(["cs-0", "cs-1"]);
  });

  test("a user: gateway, presence server, active or not, sessions", async () => {
    expect((await get("/console/api/users/U0ADA")).json).toMatchObject({ kind: "user", gateway: { owner: "gw-0" }, presence: { owner: null, preference: [] }, says: { presence: "active", online: true }, sessions: [{ gateway: "gw-0", count: 2 }] });
  });

  test.each(["channels/a%20b", "channels/%3Cscript%3E", `users/${"x".repeat(65)}`])("%s is no ID", async (path) => {
    expect(await get(`/console/api/${path}`)).toMatchObject({ status: 400, json: { reason: "bad_id" } });
  });
});

describe("changing", () => {
  const put = (path: string, body: unknown): Promise<Answer> => get(path, { method: "PUT", body });
  const preview = (body: unknown): Promise<Answer> => get("/console/api/preview", { method: "POST", body });

  test("a preview says from whom to whom, and changes nothing", async () => {
    const { json } = await preview({ servers: { "cs-0": { drain: true } } });
    const { moved, moves } = json as { moved: { channel: number }; moves: unknown };
    expect(moves).toEqual([{ pool: "channel", from: "cs-0", to: "cs-1", slots: moved.channel }]);
    expect((await preview({ pin: { pool: "channel", id: "C1", server: "cs-0" } })).status).toBe(200);
    expect(((await get("/console/api/state")).json as Snapshot).servers[0]).toMatchObject({ state: "up" });
  });

  test("a weight and a pin are charm's from then on; other pins stay", async () => {
    expect(await put("/console/api/servers/cs-1", { weight: 50 })).toMatchObject({ status: 200, json: { weight: 50 } });
    for (const id of ["C1", "C2"]) expect((await put("/console/api/pins", { pool: "channel", id, server: "cs-0" })).status).toBe(200);
    await vi.waitFor(async () => expect((await get("/console/api/channels/C1")).json).toMatchObject({ pinned: true, owner: "cs-0" }), 10_000);
    expect((await put("/console/api/pins", { pool: "channel", id: "C1", server: null })).status).toBe(200);
    const { charm, decisions } = (await get("/console/api/state")).json as Snapshot;
    expect(charm!.pins.channel).toHaveLength(1);
    expect(decisions.map(({ text }) => text)).toContain("weight of cs-1: 50, by the operator");
    expect((await ask(url("/metrics"))).bytes.toString()).toContain("ringway_console_changes_total 4");
  });

  test("pins that come at once are all kept", async () => {
    const before = ((await get("/console/api/state")).json as Snapshot).charm!.pins.presence.length;
    const ids = Array.from({ length: 12 }, (_, i) => `C9${i}`);
    const all = await Promise.all(ids.map((id) => put("/console/api/pins", { pool: "presence", id, server: "cs-0" })));
    expect(all.map(({ status }) => status)).toEqual(ids.map(() => 200));
    await vi.waitFor(async () => expect(((await get("/console/api/state")).json as Snapshot).charm!.pins.presence).toHaveLength(before + 12), 10_000);
  });

  test.each([
    ["an unknown server", () => put("/console/api/servers/cs-9", { drain: true }), [404, "not_found", "no server 'cs-9' is registered"]],
    ["an ID that is none", () => put("/console/api/servers/a%20b", { drain: true }), [400, "bad_id", "the server's ID"]],
    ["a bad weight", () => put("/console/api/servers/cs-0", { weight: "heavy" }), [400, "bad_request", "weight must be a whole number 0..65535, or null"]],
    ["no JSON", () => put("/console/api/servers/cs-0", Buffer.from("{")), [400, "bad_json", expect.any(String)]],
    ["no object", () => put("/console/api/servers/cs-0", [1]), [400, "bad_request", "the body must be an object"]],
    ["a pool that is none", () => put("/console/api/pins", { pool: "x", id: "C1", server: "cs-0" }), [400, "bad_request", "pool must be one of channel, presence, gateway"]],
    ["a pin of no ID", () => put("/console/api/pins", { pool: "channel", id: "#general", server: "cs-0" }), [400, "bad_id", "id: the channel or user whose slot is pinned"]],
    ["a pin to an unknown server", () => put("/console/api/pins", { pool: "channel", id: "C1", server: "cs-9" }), [404, "not_found", "no server 'cs-9' is registered"]],
    ["letting go what is not pinned", () => put("/console/api/pins", { pool: "gateway", id: "C1", server: null }), [404, "not_found", expect.stringContaining("is not pinned")]],
    ["a preview of an unknown server", () => preview({ servers: { "cs-9": { drain: true } } }), [404, "not_found", "no server 'cs-9' is in the topology"]],
    ["a preview of a field that is not known", () => preview({ pin: { pool: "channel", id: "C1", server: "cs-0", slot: 1 } }), [400, "bad_request", "'slot' is not known: pool, id, server"]],
  ] as const)("%s is refused with its reason", async (_, send, expected) => {
    expect(refusal(await send())).toEqual(expected);
  });

  test("what is no charm, and answers all the same, is shown as none, and the console goes on", async () => {
    const stranger = await door({ "GET /{path...}": () => ({ status: 200, body: {} }) });
    const alone = await start(readConfig(["--listen", "127.0.0.1:0", "--charm-url", `http://${stranger}`, "--mesh-url", "http://127.0.0.1:1", "--ring-key", DEV_KEY, "--operator-token", token]), log, join(folder, "page"));
    try {
      for (let i = 0; i < 2; i++) expect(await ask(`http://${alone.address}/console/api/state`, { headers: { authorization: `Bearer ${token}` } })).toMatchObject({ status: 200, json: { epoch: null, charm: null, servers: [], decisions: [] } });
    } finally {
      await alone.stop();
    }
  });

  test("without charm looks go on, and a change says why it is none", async () => {
    const alone = await start(readConfig(["--listen", "127.0.0.1:0", "--charm-url", "http://127.0.0.1:1", "--mesh-url", "http://127.0.0.1:1", "--ring-key", DEV_KEY, "--operator-token", token]), log, join(folder, "page"));
    try {
      const asked = (path: string, options: Ask = {}): Promise<Answer> => ask(`http://${alone.address}${path}`, { ...options, headers: { authorization: `Bearer ${token}` } });
      expect((await asked("/console/api/state")).json).toMatchObject({ epoch: null, charm: null, servers: [], decisions: [] });
      expect(refusal(await asked("/console/api/servers/cs-0", { method: "PUT", body: { drain: true } }))).toEqual([503, "unavailable", "charm does not answer (ECONNREFUSED)"]);
      expect(refusal(await asked("/console/api/channels/C1"))).toEqual([503, "ring_unavailable", "unavailable: charm does not answer (ECONNREFUSED)"]);
    } finally {
      await alone.stop();
    }
  });
});
