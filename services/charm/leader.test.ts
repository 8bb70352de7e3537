/** charm on a registry of its own process: two charms, and what happens while the registry is away. */
import { mkdtemp, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Topology } from "../protocol/topology.ts";
import type { Registry } from "../registry/client.ts";
import { connectRegistry } from "../registry/consul.ts";
import { type EmbeddedRegistry, openEmbedded } from "../registry/embedded.ts";
import { kvLimits } from "../registry/kv.ts";
import { keepRegistered, type Registered } from "../registry/register.ts";
import { DEV_KEY } from "../ring/key.ts";
import { systemClock } from "../runtime/clock.ts";
import { createHttp, type HttpDoor } from "../runtime/http.ts";
import type { Running } from "../runtime/lifecycle.ts";
import { createLog } from "../runtime/log.ts";
import { ask } from "../runtime/request.ts";
import { readConfig } from "./config.ts";
import { LEADER_KEY } from "./leader.ts";
import { start } from "./server.ts";

const log = createLog("charm", "test", "silent");

let data: string;
let embedded: EmbeddedRegistry;
let door: HttpDoor;
let address = "127.0.0.1:0";
let registry: Registry;
let charms: Running[];
let servers: Registered[];

async function openRegistry(): Promise<void> {
  embedded = await openEmbedded({ data, clock: systemClock, log });
  door = createHttp(embedded.routes, log, { bodyBytes: kvLimits.valueBytes });
  address = await door.listen(address);
  registry = connectRegistry(`http://${address}`);
}

async function closeRegistry(): Promise<void> {
  const closed = door.close(50);
  await embedded.close();
  await closed;
}

async function bootCharm(listen = "127.0.0.1:0"): Promise<Running> {
  const charm = await start(readConfig(["--listen", listen, "--registry-url", `http://${address}`, "--ring-key", DEV_KEY, "--settle-ms", "50", "--boot-grace-ms", "1000", "--step-percent", "100"]), log);
  charms.push(charm);
  return charm;
}

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "ringway-charm-"));
  charms = [];
  servers = [];
  address = "127.0.0.1:0";
  await openRegistry();
});

afterEach(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await Promise.all(charms.map((charm) => charm.stop()));
  await closeRegistry();
  await rm(data, { recursive: true, force: true });
});

function serve(id: string, port: number): Registered {
  const registration = { service: "ringway-channel", id, addr: `127.0.0.1:${port}`, meta: { zone: "local", weight: "100" }, ttlMs: 2_000 };
  const server = keepRegistered({ registry, registration, passEveryMs: 100, clock: systemClock, log });
  servers.push(server);
  return server;
}

async function until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await systemClock.sleep(10);
  }
}

interface Status {
  readonly leading: boolean;
  readonly epoch: number | null;
  readonly held: Record<string, string[]>;
  readonly pools: Record<string, { passing: number; up: number; down: number; endpoints: string[] }>;
  readonly counters: Record<string, number>;
}
const status = async (charm: Running): Promise<Status> => (await ask(`http://${charm.address}/v1/charm/status`)).json as Status;
const topology = async (charm: Running): Promise<Topology | undefined> => {
  const answer = await ask(`http://${charm.address}/v1/charm/topology`);
  return answer.status === 200 ? (answer.json as Topology) : undefined;
};
const hasServers = (charm: Running, count: number): Promise<Topology> =>
  until(`${count} servers`, async () => {
    const now = await topology(charm);
    return now?.pools.channel.servers.length === count && now;
  });

test("of two charms one publishes, both answer, and the other takes over when the first stops", async () => {
  const one = await bootCharm();
  await until("a leader", async () => (await status(one)).leading);
  const two = await bootCharm();
  serve("cs-0", 7001);
  serve("cs-1", 7002);
  const published = await hasServers(one, 2);
  expect(await until("the other to follow", async () => ((await topology(two))?.epoch === published.epoch ? topology(two) : undefined))).toEqual(published);
  expect((await status(two)).leading).toBe(false);
  expect((await status(two)).counters["published"]).toBe(0);
  expect((await status(two)).pools["channel"]?.endpoints).toEqual(["127.0.0.1:7001", "127.0.0.1:7002"]);

  await ask(`http://${two.address}/v1/charm/servers/cs-1`, { method: "PUT", body: { drain: true } });
  await until("the drain that was asked of the follower", async () => (await topology(two))?.pools.channel.servers[1]?.state === "draining");

  await one.stop();
  charms = [two];
  await until("the other to lead", async () => (await status(two)).leading);
  serve("cs-2", 7003);
  expect((await hasServers(two, 3)).epoch).toBeGreaterThan(published.epoch);
});

test("a charm that was killed and comes back leads at once, though its old session still holds the lock", async () => {
  const { address: listen, stop } = await bootCharm();
  await stop();
  charms = [];
  const dead = await registry.createSession("ringway-charm", 60_000);
  await registry.acquire(LEADER_KEY, Buffer.from(`${hostname()}/${listen}`), dead);
  const stranger = await bootCharm();
  const back = await bootCharm(listen);
  await until("it to lead", async () => (await status(back)).leading);
  expect((await status(stranger)).leading).toBe(false);
});

test("while the registry is away charm answers as before; when it is back nothing has changed", async () => {
  const charm = await bootCharm();
  serve("cs-0", 7001);
  serve("cs-1", 7002);
  const before = await hasServers(charm, 2);
  await closeRegistry();
  expect(await topology(charm)).toEqual(before);
  const eds = await ask(`http://${charm.address}/v3/discovery:endpoints`, { method: "POST", body: { resource_names: ["channel"] } });
  expect(JSON.stringify(eds.json)).toContain("7002");
  const refused = await ask(`http://${charm.address}/v1/charm/servers/cs-1`, { method: "PUT", body: { drain: true } });
  expect([refused.status, (refused.json as { reason: string }).reason]).toEqual([503, "unavailable"]);

  await openRegistry();
  await until("both to register again", async () => (await registry.instances("ringway-channel")).instances.length === 2);
  serve("cs-2", 7003);
  const after = await hasServers(charm, 3);
  expect(after.pools.channel.servers.slice(0, 2)).toEqual(before.pools.channel.servers);
});

test("holds a pool of which more than half turns critical at once, says so, and lets go at the operator's word", async () => {
  const charm = await bootCharm();
  for (let i = 0; i < 3; i++) await registry.register({ service: "ringway-channel", id: `cs-${i}`, addr: `127.0.0.1:700${i}`, meta: {}, ttlMs: 60_000 });
  const before = await hasServers(charm, 3);
  const fail = (id: string): Promise<unknown> => ask(`http://${address}/v1/agent/check/fail/service:${id}`, { method: "PUT", body: new Uint8Array(0) });
  await Promise.all([fail("cs-0"), fail("cs-1"), fail("cs-2")]);
  const held = await until("the hold", async () => {
    const now = await status(charm);
    return now.held["channel"]?.length === 3 && now;
  });
  expect(held.pools["channel"]?.passing).toBe(0);
  // The first one may have gone before the second made it a majority.
  const still = (await topology(charm))!;
  expect(still.epoch - before.epoch).toBeLessThanOrEqual(1);
  expect(still.pools.channel.servers.filter((server) => server.state === "up").length).toBeGreaterThanOrEqual(2);
  const released = await ask(`http://${charm.address}/v1/charm/release`, { method: "POST", body: { pool: "channel" } });
  expect(released.json).toMatchObject({ released: { channel: ["cs-0", "cs-1", "cs-2"] } });
  await until("all down", async () => (await topology(charm))?.pools.channel.servers.every((server) => server.state === "down"));
  expect((await status(charm)).held).toEqual({});
});
