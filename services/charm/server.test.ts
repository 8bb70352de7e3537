import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TOPOLOGY_BINARY_KEY, type Topology } from "../protocol/topology.ts";
import { connectRegistry } from "../registry/consul.ts";
import { keepRegistered, type Registered } from "../registry/register.ts";
import { DEV_KEY } from "../ring/key.ts";
import { loadRingModule } from "../ring/ring.ts";
import { systemClock } from "../runtime/clock.ts";
import type { Running } from "../runtime/lifecycle.ts";
import { createLog } from "../runtime/log.ts";
import { ask, type Answer } from "../runtime/request.ts";
import { readConfig } from "./config.ts";
import { holdMs } from "./eds.ts";
import { start } from "./server.ts";

const log = createLog("charm", "test", "silent");
const EDS = "/v3/discovery:endpoints";

let data: string;
let charm: Running;
let servers: Registered[];

const boot = async (listen = "127.0.0.1:0", extra: readonly string[] = []): Promise<Running> =>
  start(readConfig(["--listen", listen, "--data", data, "--ring-key", DEV_KEY, "--settle-ms", "100", "--linger-ms", "200", "--boot-grace-ms", "1500", "--step-percent", "100", ...extra]), log);

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "ringway-charm-"));
  servers = [];
  charm = await boot();
});

afterEach(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await charm.stop();
  await rm(data, { recursive: true, force: true });
});

const url = (path: string): string => `http://${charm.address}${path}`;
const put = (path: string, body: unknown): Promise<Answer> => ask(url(path), { method: "PUT", body });
const post = (path: string, body: unknown): Promise<Answer> => ask(url(path), { method: "POST", body });

function serve(pool: string, id: string, port: number, meta: Record<string, string> = { zone: "local", weight: "100" }): Registered {
  const registration = { service: `ringway-${pool}`, id, addr: `127.0.0.1:${port}`, meta, ttlMs: 2_000 };
  const server = keepRegistered({ registry: connectRegistry(`http://${charm.address}`), registration, passEveryMs: 200, clock: systemClock, log });
  servers.push(server);
  return server;
}

async function until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await systemClock.sleep(10);
  }
}

async function topology(): Promise<Topology | undefined> {
  const answer = await ask(url("/v1/charm/topology"));
  return answer.status === 200 ? (answer.json as Topology) : undefined;
}

const ring = (what: string, states: Record<string, string>): Promise<Topology> =>
  until(what, async () => {
    const now = await topology();
    const found = Object.fromEntries(now?.pools.channel.servers.map((server) => [server.id, server.state]) ?? []);
    return JSON.stringify(found) === JSON.stringify(states) && now;
  });

describe("charm's door", () => {
  test("publishes registered servers as JSON and as the filter's binary of the same epoch", async () => {
    serve("channel", "cs-0", 7001);
    serve("channel", "cs-1", 7002);
    const published = await ring("two servers", { "cs-0": "up", "cs-1": "up" });
    const module = await loadRingModule(DEV_KEY);
    expect(published.keyId).toBe(module.keyId);
    const view = await module.buildVerified(published); // checks the table digests
    expect(view.owner("channel", "C024BE91L")).toBeDefined();
    const binary = await until("the binary", async () => {
      const { bytes, status } = await ask(url(`/v1/kv/${TOPOLOGY_BINARY_KEY}?raw`));
      return status === 200 && bytes.readBigUInt64LE(8) === BigInt(published.epoch) && bytes;
    });
    expect(module.check(binary)).toBe("none");
  });

  test("tells Envoy of an endpoint before the ring names it, and keeps who has the latest waiting: 304 where nothing changes", async () => {
    const question = { node: { id: "test" }, resource_names: ["channel"], type_url: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment" };
    serve("channel", "cs-0", 7001);
    const first = await until("the endpoint", async () => {
      const answer = await post(EDS, question);
      return JSON.stringify(answer.json).includes("7001") && answer;
    });
    expect(await topology()).toBeUndefined();
    expect(first.json).toMatchObject({
      resources: [{ cluster_name: "channel", endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: "127.0.0.1", port_value: 7001 } } } }] }] }],
    });
    await ring("the server", { "cs-0": "up" });
    const { version_info } = first.json as { version_info: string };
    const askedAt = performance.now();
    expect((await post(EDS, { ...question, version_info })).status).toBe(304);
    expect(performance.now() - askedAt).toBeGreaterThan(680); // it was kept for a change
    serve("channel", "cs-9", 7009);
    await until("the other endpoint", async () => JSON.stringify((await post(EDS, { ...question, version_info })).json).includes("7009"));
    expect((await post(EDS, { resource_names: ["stranger"] })).json).toMatchObject({ resources: [{ cluster_name: "stranger", endpoints: [] }] });
  });

  test.each<[string | undefined, number]>([
    [undefined, 700],
    ["1000", 700],
    ["10000", 7_000],
    ["3600000", 30_000],
    ["0", 700],
    ["soon", 700],
  ])("an Envoy that gives a poll %s ms is kept waiting for %i ms", (timeout, ms) => {
    expect(holdMs(timeout === undefined ? {} : { "x-envoy-expected-rq-timeout-ms": timeout })).toBe(ms);
  });

  test("takes a server out at once when it deregisters", async () => {
    serve("channel", "cs-0", 7001);
    const leaver = serve("channel", "cs-1", 7002);
    await ring("two servers", { "cs-0": "up", "cs-1": "up" });
    await leaver.stop();
    await ring("one server", { "cs-0": "up" });
  });

  test("drains, weighs and pins at an operator's word, and keeps that over a restart", async () => {
    serve("channel", "cs-0", 7001);
    serve("channel", "cs-1", 7002);
    await ring("two servers", { "cs-0": "up", "cs-1": "up" });
    expect((await put("/v1/charm/servers/cs-1", { drain: true })).json).toMatchObject({ id: "cs-1", drain: true, weight: null });
    expect((await put("/v1/charm/servers/cs-0", { weight: 7 })).json).toMatchObject({ id: "cs-0", drain: false, weight: 7 });
    expect((await put("/v1/charm/pins", { pool: "channel", pins: [[46434, "cs-0"]] })).status).toBe(200);
    const before = await until("all of it", async () => {
      const now = await topology();
      return now?.pools.channel.pins.length === 1 && now.pools.channel.servers[0]?.weight === 7 && now;
    });
    expect(before.pools.channel.servers.map(({ state, weight }) => [state, weight])).toEqual([["up", 7], ["draining", 100]]);

    const { address } = charm;
    await charm.stop();
    charm = await boot(address);
    await until("both to register again", async () => {
      const { pools } = (await ask(url("/v1/charm/status"))).json as { pools: { channel: { passing: number } } };
      return pools.channel.passing === 2;
    });
    expect(await topology()).toEqual(before);
    expect((await put("/v1/charm/servers/cs-1", { drain: false })).status).toBe(200);
    await ring("undrained", { "cs-0": "up", "cs-1": "up" });
  });

  test("drains a zone within a chosen time, also who registers there later, and takes it back", async () => {
    serve("gateway", "gw-a", 7001, { zone: "a" });
    serve("gateway", "gw-b", 7002, { zone: "b" });
    serve("presence", "ps-a", 7003, { zone: "a" });
    serve("presence", "ps-b", 7004, { zone: "b" });
    const servers = (what: string, states: readonly string[]): Promise<Topology> =>
      until(what, async () => {
        const now = await topology();
        const found = [...(now?.pools.presence.servers ?? []), ...(now?.pools.gateway.servers ?? [])].map(({ id, state, drainMs }) => `${id} ${state} ${drainMs ?? "-"}`);
        return JSON.stringify(found) === JSON.stringify(states) && now;
      });
    await servers("all", ["ps-a up -", "ps-b up -", "gw-a up -", "gw-b up -"]);
    expect((await put("/v1/charm/zones/a", { drain: true, drain_ms: 30_000 })).json).toMatchObject({ zone: "a", drain: true, drain_ms: 30_000, servers: ["ps-a", "gw-a"] });
    const drained = await servers("the drain", ["ps-a draining -", "ps-b up -", "gw-a draining 30000", "gw-b up -"]);
    serve("gateway", "gw-a2", 7005, { zone: "a" });
    await servers("the latecomer", ["ps-a draining -", "ps-b up -", "gw-a draining 30000", "gw-a2 draining 30000", "gw-b up -"]);
    expect((await put("/v1/charm/zones/b", { drain: true })).json).toMatchObject({ reason: "bad_request", detail: "all presence servers that are up are in zone 'b': nobody would be left" });

    const { address } = charm;
    await charm.stop();
    charm = await boot(address);
    expect((await topology())!.epoch).toBeGreaterThan(drained.epoch);
    await servers("the drain, after a restart", ["ps-a draining -", "ps-b up -", "gw-a draining 30000", "gw-a2 draining 30000", "gw-b up -"]);
    expect((await put("/v1/charm/zones/a", { drain: false })).status).toBe(200);
    await servers("all again", ["ps-a up -", "ps-b up -", "gw-a up -", "gw-a2 up -", "gw-b up -"]);
    expect((await put("/v1/charm/servers/gw-a", { drain: true, drain_ms: 5_000 })).status).toBe(200);
    await servers("one within a time", ["ps-a up -", "ps-b up -", "gw-a draining 5000", "gw-a2 up -", "gw-b up -"]);
    const { events } = (await ask(url("/v1/charm/events"))).json as { events: { kind: string; text: string }[] };
    expect(events.filter(({ kind }) => kind === "operator").map(({ text }) => text)).toEqual(["end of the drain of zone a by the operator", "drain of gw-a within 5 s by the operator"]);
  });

  test("takes the intents of charms that knew no zones", async () => {
    const { address } = charm;
    await ask(url("/v1/kv/ringway/intents"), { method: "PUT", body: Buffer.from('{"v":1,"drain":["cs-1"],"weights":{"cs-0":50},"pins":{"channel":[[1,"cs-0"]],"presence":[],"gateway":[]}}') });
    await charm.stop();
    charm = await boot(address);
    expect((await ask(url("/v1/charm/status"))).json).toMatchObject({ intents: { drain: ["cs-1"], drainMs: {}, zones: {}, weights: { "cs-0": 50 } } });
  });

  test("pins that come at once are all kept, one by one; one slot is let go without the others", async () => {
    serve("channel", "cs-0", 7001);
    await ring("the server", { "cs-0": "up" });
    const slots = Array.from({ length: 12 }, (_, i) => i);
    const all = await Promise.all(slots.map((slot) => put("/v1/charm/pins", { pool: "channel", pin: [slot, "cs-0"] })));
    expect(all.map(({ status }) => status)).toEqual(slots.map(() => 200));
    await until("all pins", async () => (await topology())!.pools.channel.pins.length === 12);
    expect((await put("/v1/charm/pins", { pool: "channel", pin: [3, null] })).json).toMatchObject({ pool: "channel", pins: slots.filter((slot) => slot !== 3).map((slot) => [slot, "cs-0"]) });
    expect(await put("/v1/charm/pins", { pool: "channel", pin: [3, null] })).toMatchObject({ status: 404, json: { reason: "not_found", detail: "slot 3 is not pinned" } });
    expect(await post("/v1/charm/preview", { pin: { channel: [3, null] } })).toMatchObject({ status: 404, json: { detail: "slot 3 is not pinned" } });
    expect(await post("/v1/charm/preview", { pin: { channel: [3, "cs-0"] } })).toMatchObject({ status: 200, json: { moved: { channel: 0 } } });
  });

  test("drains by steps, says how far it is, and goes on with it after a restart", async () => {
    const { address } = charm;
    await charm.stop();
    // Nobody's port answers, so that nobody is waited for; the steps follow from the registry's answers alone.
    charm = await boot(address, ["--step-percent", "4"]);
    serve("channel", "cs-0", 7001);
    serve("channel", "cs-1", 7002);
    await ring("two servers", { "cs-0": "up", "cs-1": "up" });
    const rebalance = async (): Promise<unknown> => ((await ask(url("/v1/charm/status"))).json as { rebalance: unknown }).rebalance;
    await until("both to have their share", async () => (await rebalance()) === null);
    await put("/v1/charm/servers/cs-1", { drain: true });
    const weight = async (): Promise<number> => (await topology())!.pools.channel.servers[1]!.weight;
    const half = await until("some steps", async () => {
      const now = await weight();
      return now < 90 && now;
    });
    expect(await rebalance()).toMatchObject({ left_percent: expect.any(Number) });
    await charm.stop();
    charm = await boot(address, ["--step-percent", "4"]);
    expect(await weight()).toBeLessThanOrEqual(half);
    await ring("the drain", { "cs-0": "up", "cs-1": "draining" });
    await until("the end", async () => (await rebalance()) === null);
    expect(await weight()).toBe(100);
  });

  test("previews how many slots a change would move, and moves none", async () => {
    serve("channel", "cs-0", 7001);
    serve("channel", "cs-1", 7002);
    const before = await ring("two servers", { "cs-0": "up", "cs-1": "up" });
    const { moved, moves } = (await post("/v1/charm/preview", { servers: { "cs-1": { drain: true } } })).json as { moved: Record<string, number>; moves: unknown };
    expect(moves).toEqual([{ pool: "channel", from: "cs-1", to: "cs-0", slots: moved["channel"] }]);
    expect(moved["channel"]).toBeGreaterThan(30_000);
    expect(moved["channel"]).toBeLessThan(35_000);
    expect(moved["gateway"]).toBe(0);
    expect(await topology()).toEqual(before);
  });

  test("tells what it decided and why, from any number on", async () => {
    serve("channel", "cs-0", 7001);
    await ring("the server", { "cs-0": "up" });
    await put("/v1/charm/servers/cs-0", { weight: 50 });
    const events = async (after = ""): Promise<{ n: number; text: string }[]> => ((await ask(url(`/v1/charm/events${after}`))).json as { events: { n: number; text: string }[] }).events;
    const all = await until("the new weight's document", async () => {
      const list = await events();
      return list.at(-1)?.text.endsWith("is published") && list.length >= 5 && list;
    });
    expect(all.map(({ text }) => text.replaceAll(/epoch \d+/g, "epoch N"))).toEqual(["took the lead", "cs-0 joined in local, at 127.0.0.1:7001", "epoch N is published", "weight of cs-0: 50, by the operator", "epoch N is published"]);
    expect(await events(`?after=${all[2]!.n}`)).toEqual(all.slice(3));
    expect(await ask(url("/v1/charm/events?after=x"))).toMatchObject({ status: 400 });
  });

  test("publishes anew, with a higher epoch, when the topology is deleted, damaged or written over in the registry", async () => {
    serve("channel", "cs-0", 7001);
    let before = await ring("the server", { "cs-0": "up" });
    const foreign = (change: object): object => ({ method: "PUT", body: { ...before, ...change } });
    const emptied = { ...before.pools, channel: { ...before.pools.channel, servers: [] } };
    const harms = [
      () => ({ method: "DELETE" }),
      () => ({ method: "PUT", body: Buffer.from("{") }),
      () => foreign({ pools: emptied }),
      () => foreign({ epoch: before.epoch - 1 }),
      () => foreign({ epoch: before.epoch + 10, pools: emptied }),
      () => foreign({ epoch: before.epoch + 100, keyId: "ffffffff" }),
    ] as const;
    for (const harm of harms) {
      await ask(url("/v1/kv/ringway/topology"), harm());
      before = await until("a sound document", async () => {
        const now = (await ask(url("/v1/kv/ringway/topology?raw"))).json as Topology | undefined;
        return now !== undefined && now.epoch > before.epoch && now.keyId === before.keyId && now.pools.channel.servers.length === 1 && now;
      });
    }
    expect(await topology()).toEqual(before);
  });

  test("refuses bad input at each path with a problem that says why", async () => {
    serve("channel", "cs-0", 7001);
    await ring("the server", { "cs-0": "up" });
    const reason = (answer: Answer): unknown => [answer.status, (answer.json as { reason?: string }).reason];
    expect(reason(await put("/v1/charm/servers/cs-0", Buffer.from("{")))).toEqual([400, "bad_json"]);
    expect(reason(await put("/v1/charm/servers/cs-0", { weight: -1 }))).toEqual([400, "bad_request"]);
    expect(reason(await put("/v1/charm/servers/cs-0", { weigth: 1 }))).toEqual([400, "bad_request"]);
    expect(reason(await put("/v1/charm/servers/cs-0", {}))).toEqual([400, "bad_request"]);
    expect(reason(await put("/v1/charm/servers/cs-0", { drain: true, drain_ms: 999 }))).toEqual([400, "bad_request"]);
    expect(reason(await put("/v1/charm/servers/cs-0", { drain_ms: 5_000 }))).toEqual([400, "bad_request"]);
    expect(reason(await put("/v1/charm/zones/local", { drain: "yes" }))).toEqual([400, "bad_request"]);
    expect(reason(await put("/v1/charm/zones/local", { drain: true, within: 5 }))).toEqual([400, "bad_request"]);
    expect(reason(await put("/v1/charm/zones/local", { drain: false, drain_ms: 5_000 }))).toEqual([400, "bad_request"]);
    expect(reason(await put("/v1/charm/zones/elsewhere", { drain: true }))).toEqual([404, "not_found"]);
    expect(reason(await put("/v1/charm/servers/a%20b", { drain: true }))).toEqual([400, "bad_id"]);
    expect(reason(await put("/v1/charm/servers/cs-9", { drain: true }))).toEqual([404, "not_found"]);
    expect(reason(await put("/v1/charm/pins", { pool: "channel", pins: [[70000, "cs-0"]] }))).toEqual([400, "bad_request"]);
    expect(reason(await put("/v1/charm/pins", { pool: "channel", pins: [[1, "cs-0"], [1, "cs-0"]] }))).toEqual([400, "bad_request"]);
    expect(reason(await put("/v1/charm/pins", { pool: "nobody", pins: [] }))).toEqual([400, "bad_request"]);
    expect(reason(await put("/v1/charm/pins", { pool: "channel", pin: [70000, "cs-0"] }))).toEqual([400, "bad_request"]);
    expect(reason(await put("/v1/charm/pins", { pool: "channel", pin: [1, "a b"] }))).toEqual([400, "bad_request"]);
    expect(reason(await put("/v1/charm/pins", { pool: "channel", pin: [1, "cs-9"] }))).toEqual([404, "not_found"]);
    expect(reason(await put("/v1/charm/pins", { pool: "channel", pin: [1, "cs-0"], pins: [] }))).toEqual([400, "bad_request"]);
    expect(reason(await put("/v1/charm/pins", { pool: "channel" }))).toEqual([400, "bad_request"]);
    expect(reason(await post("/v1/charm/preview", { remove: ["cs-9"] }))).toEqual([404, "not_found"]);
    expect(reason(await post("/v1/charm/preview", { add: { channel: [{ id: "x" }] } }))).toEqual([400, "bad_request"]);
    expect(reason(await post("/v1/charm/release", { pool: 1 }))).toEqual([400, "bad_request"]);
    expect(reason(await post(EDS, { resource_names: "channel" }))).toEqual([400, "bad_request"]);
    expect(reason(await post(EDS, []))).toEqual([400, "bad_request"]);
    expect(reason(await put("/v1/charm/topology", {}))).toEqual([405, "method_not_allowed"]);
    expect((await ask(url("/readyz"))).status).toBe(200);
  });

  test("a charm that does not lead knows the endpoints and takes an operator's changes, and leaves what is held to the one that leads", async () => {
    serve("channel", "cs-0", 7001);
    await ring("the server", { "cs-0": "up" });
    const other = await boot("127.0.0.1:0", ["--registry-url", url("")]);
    try {
      const there = (path: string): string => `http://${other.address}${path}`;
      await until("the other one to be ready", async () => (await ask(there("/readyz"))).status === 200);
      expect((await ask(there("/v1/status"))).json).toMatchObject({ leading: false });
      const endpoints = await until("its endpoints", async () => {
        const answer = await ask(there(EDS), { method: "POST", body: { resource_names: ["channel"] } });
        return answer.bytes.includes("7001") && answer.json;
      });
      expect((await post(EDS, { resource_names: ["channel"] })).json).toEqual(endpoints);
      expect((await ask(there("/v1/charm/servers/cs-0"), { method: "PUT", body: { drain: true } })).status).toBe(200);
      await ring("the drain", { "cs-0": "draining" });
      const released = await ask(there("/v1/charm/release"), { method: "POST" });
      expect([released.status, (released.json as { reason: string }).reason]).toEqual([421, "misdirected"]);
    } finally {
      await other.stop();
    }
  });

  test("keeps the operators' intents when their document is damaged, and writes a sound one with the next wish", async () => {
    serve("channel", "cs-0", 7001);
    serve("channel", "cs-1", 7002);
    await ring("two servers", { "cs-0": "up", "cs-1": "up" });
    await put("/v1/charm/servers/cs-1", { drain: true });
    const drained = await ring("the drain", { "cs-0": "up", "cs-1": "draining" });
    await ask(url("/v1/kv/ringway/intents"), { method: "PUT", body: Buffer.from('{"v":1}') });
    const { address } = charm;
    await charm.stop();
    charm = await boot(address);
    expect(await topology()).toEqual(drained);
    expect((await put("/v1/charm/servers/cs-0", { weight: 50 })).status).toBe(200);
    expect((await ask(url("/v1/kv/ringway/intents?raw"))).json).toMatchObject({ v: 1, drain: ["cs-1"], weights: { "cs-0": 50 } });
  });

  test("answers any JSON at any of its doors without an internal error", async () => {
    serve("channel", "cs-0", 7001);
    await ring("the server", { "cs-0": "up" });
    const doors = [
      ["PUT", "/v1/charm/servers/cs-0"],
      ["PUT", "/v1/charm/zones/local"],
      ["PUT", "/v1/charm/pins"],
      ["POST", "/v1/charm/preview"],
      ["POST", "/v1/charm/release"],
      ["POST", EDS],
      ["PUT", "/v1/agent/service/register"],
      ["PUT", "/v1/session/create"],
    ] as const;
    const names = ["drain", "weight", "pool", "pin", "pins", "servers", "remove", "add", "channel", "cs-0", "resource_names", "type_url", "Name", "ID", "Meta", "Check", "TTL", "Port", "LockDelay"];
    const value = fc.letrec((tie) => ({
      any: fc.oneof({ maxDepth: 4 }, fc.constant(null), fc.boolean(), fc.integer(), fc.double(), fc.string(), fc.constantFrom("channel", "cs-0", "1s"), fc.array(tie("any"), { maxLength: 3 }), fc.dictionary(fc.constantFrom(...names), tie("any"), { maxKeys: 4 })),
    })).any;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...doors), value, async ([method, path], body) => {
        const answer = await ask(url(path), { method, body: Buffer.from(JSON.stringify(body)) });
        expect(answer.status, `${method} ${path}`).toBeLessThan(500);
      }),
      { numRuns: 300 },
    );
    expect((await ask(url("/readyz"))).status).toBe(200);
  });

  test("takes server IDs that are names of JavaScript's own", async () => {
    serve("channel", "__proto__", 7001);
    serve("channel", "constructor", 7002);
    await until("both", async () => (await topology())?.pools.channel.servers.length === 2);
    expect((await put("/v1/charm/servers/constructor", { weight: 7 })).json).toMatchObject({ weight: 7 });
    expect((await put("/v1/charm/servers/__proto__", { weight: 8 })).json).toMatchObject({ weight: 8 });
    await until("the weights", async () => {
      const servers = (await topology())?.pools.channel.servers ?? [];
      return JSON.stringify(servers.map(({ id, weight }) => [id, weight])) === '[["__proto__",8],["constructor",7]]';
    });
    expect((await put("/v1/charm/servers/toString", { drain: true })).status).toBe(404);
  });

  test("ignores a registration that can't be a member, and shows why", async () => {
    serve("channel", "cs-0", 7001);
    serve("channel", "cs-heavy", 7002, { weight: "heavy" });
    await ring("the good one", { "cs-0": "up" });
    const { ignored } = (await ask(url("/v1/charm/status"))).json as { ignored: Record<string, string> };
    expect(ignored).toEqual({ "cs-heavy": "channel: the weight is not a whole number 0..65535" });
  });

  test("does not start on a topology of another cluster key, and says so", async () => {
    serve("channel", "cs-0", 7001);
    await ring("the server", { "cs-0": "up" });
    await charm.stop();
    await expect(boot("127.0.0.1:0", ["--ring-key", "f".repeat(32)])).rejects.toThrow(/another cluster key/);
    charm = await boot();
  });
});
