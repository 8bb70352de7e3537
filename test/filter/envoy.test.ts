/** The shipped configuration and the filter in a real Envoy, with two workers. */
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import type { Pool, Server } from "../../services/protocol/topology.ts";
import type { RingView } from "../../services/ring/ring.ts";
import { Envoy, launched, shippedConfigs, until, validate } from "./envoy.ts";
import { FakeCharm } from "./fake-charm.ts";
import { seal } from "./setup.ts";
import { ask, Upstream, type Answer } from "./upstream.ts";

const charm = new FakeCharm();
const webapp = new Upstream("webapp");
const upstreams: Record<Pool, Upstream[]> = {
  channel: ["cs-0", "cs-1", "cs-2", "cs-3"].map((id) => new Upstream(id)),
  presence: ["ps-0", "ps-1"].map((id) => new Upstream(id)),
  gateway: ["gw-0", "gw-1", "gw-2"].map((id) => new Upstream(id)),
};
const all = [...upstreams.channel, ...upstreams.presence, ...upstreams.gateway];
let envoy: Envoy;
let view: RingView;
let epoch = 0;

/** gw-2 stands in another zone than Envoy. */
function members(pool: Pool, except: readonly string[] = []): Server[] {
  return upstreams[pool]
    .filter(({ id }) => !except.includes(id))
    .map(({ id, addr }) => ({ id, addr, zone: id === "gw-2" ? "b" : "a", weight: 100, state: "up" }));
}

/** Publishes a topology and waits until every worker routes by it. Gives the milliseconds until the last old answer. */
async function publish(except: readonly string[] = []): Promise<number> {
  const sealed = seal(++epoch, { channel: members("channel", except), presence: members("presence", except), gateway: members("gateway", except) });
  view = sealed.view;
  charm.publish(sealed.binary);
  return everyWorker("/v1/channels/probe", ({ headers }) => headers["x-seen-epoch"] === String(epoch));
}

/**
 * Asks until 24 answers in a row please: both workers took part, but for one chance in millions.
 * @returns the milliseconds until the last answer that did not
 */
async function everyWorker(path: string, pleases: (answer: Answer) => boolean): Promise<number> {
  const started = performance.now();
  let displeasedAt = started;
  let row = 0;
  await until(async () => {
    const pleased = pleases(await ask(envoy.mesh, path));
    row = pleased ? row + 1 : 0;
    if (!pleased) displeasedAt = performance.now();
    return row >= 24;
  });
  return displeasedAt - started;
}

/** The servers of an ID's preference list, in order. */
function preference(pool: Pool, id: string, zone = ""): Upstream[] {
  return view.preference(pool, id, 3, zone).map((server) => upstreams[pool].find(({ id: at }) => at === server.id)!);
}

/** A WebSocket's first message: the name of the server that took it. */
async function connect(url: string, headers: Record<string, string> = {}): Promise<{ socket: WebSocket; who: string }> {
  const socket = new WebSocket(url, { headers });
  const [data] = (await once(socket, "message")) as [Buffer];
  return { socket, who: data.toString() };
}

beforeAll(async () => {
  await Promise.all([charm.start(), webapp.start(), ...all.map((upstream) => upstream.start())]);
  for (const pool of ["channel", "presence", "gateway"] as const) {
    charm.setEndpoints(pool, members(pool).map(({ addr, zone }) => ({ addr, zone })));
  }
  envoy = await Envoy.start({ charmPort: charm.port, webappPort: webapp.port });
});

afterEach(() => {
  for (const upstream of all) {
    upstream.behaviour = "ok";
    upstream.requests.length = 0;
  }
});

afterAll(async () => {
  await envoy.stop();
  await Promise.all([charm.stop(), webapp.kill(), ...all.map((upstream) => upstream.kill())]);
});

describe("the shipped configurations", () => {
  test("are all valid, and this many", async () => {
    const files = await shippedConfigs();
    expect(files).toHaveLength(5);
    for (const file of files) expect(await validate(file)).toMatchObject({ code: 0, output: expect.stringContaining("OK") });
  });

  test("a mistake in the plugin's configuration keeps Envoy from starting, and is named", async () => {
    const { text } = await launched({ charmPort: 1, webappPort: 2 });
    const folder = await mkdtemp(join(tmpdir(), "ringway-envoy-"));
    const file = join(folder, "envoy.json");
    await writeFile(file, text.replaceAll('\\"hashKey\\"', '\\"haskKey\\"'));
    const { code, output } = await validate(file);
    await rm(folder, { recursive: true });
    expect(code).not.toBe(0);
    expect(output).toContain("plugin configuration: haskKey: unknown field");
  });
});

describe("before there is a ring", () => {
  test("what needs one is 503 ring_unavailable, and the rest works", async () => {
    const answer = await ask(envoy.mesh, "/v1/channels/C1");
    expect(answer).toMatchObject({ status: 503, headers: { "retry-after": "1", "x-ringway-reason": "ring_unavailable", "content-type": "application/problem+json" } });
    expect(JSON.parse(answer.body)).toMatchObject({ reason: "ring_unavailable", status: 503 });
    expect((await ask(envoy.edge, "/ws/U1.x")).status).toBe(503);
    expect((await ask(envoy.edge, "/api/api.test")).body).toBe("webapp");
  });
});

describe("with a ring", () => {
  beforeAll(() => publish());

  test("one VM polls for both listeners and all workers", async () => {
    for (let i = 0; i < 100; i++) {
      await until(() => charm.waiting > 0);
      expect(charm.waiting).toBe(1);
      await ask(envoy.mesh, "/v1/channels/probe");
    }
    expect(await envoy.stat("wasmcustom.ringway_feed_elections")).toBeLessThanOrEqual(2);
  });

  test("channels go to their owners", async () => {
    for (let i = 0; i < 60; i++) {
      const answer = await ask(envoy.mesh, `/v1/channels/C${i}/messages`, { method: "POST", body: `hello ${i}` });
      expect(answer).toMatchObject({ status: 200, body: preference("channel", `C${i}`)[0]?.id });
      expect(preference("channel", `C${i}`)[0]?.requests.at(-1)).toMatchObject({
        method: "POST",
        body: `hello ${i}`,
        headers: { "x-ringway-epoch": String(epoch), "x-ringway-slot": expect.stringMatching(/^\d+$/) },
      });
    }
  });

  test("presence goes to its owner, sessions and users to webapp", async () => {
    for (let i = 0; i < 20; i++) expect((await ask(envoy.mesh, `/v1/presence/users/U${i}`)).body).toBe(preference("presence", `U${i}`)[0]?.id);
    expect((await ask(envoy.mesh, "/v1/sessions", { method: "POST", body: "{}" })).body).toBe("webapp");
    expect((await ask(envoy.mesh, "/v1/users/U1/channels")).body).toBe("webapp");
    expect((await ask(envoy.mesh, "/v1/presence/other")).status).toBe(404);
  });

  test("a user's socket goes to a gateway of Envoy's zone, and carries frames both ways", async () => {
    for (let i = 0; i < 20; i++) {
      const { socket, who } = await connect(`ws://${envoy.edge}/ws/U${i}.secret?batch_presence_aware=1`);
      expect(who).toBe(preference("gateway", `U${i}`, "a")[0]?.id);
      expect(who).not.toBe("gw-2");
      socket.send("ping");
      const [data] = (await once(socket, "message")) as [Buffer];
      expect(data.toString()).toBe("ping");
      socket.terminate();
    }
  });

  test("a link goes to the server it names, on whatever worker", async () => {
    for (let i = 0; i < 8; i++) {
      for (const id of ["cs-0", "cs-1", "cs-2", "cs-3"]) {
        const { socket, who } = await connect(`ws://${envoy.mesh}/v1/links/channel/${id}`);
        expect(who).toBe(id);
        socket.terminate();
      }
      const { socket, who } = await connect(`ws://${envoy.mesh}/v1/links/presence/ps-1`);
      expect(who).toBe("ps-1");
      socket.terminate();
    }
    expect(await ask(envoy.mesh, "/v1/links/channel/gone")).toMatchObject({ status: 503, headers: { "x-ringway-reason": "unknown_server" } });
  });

  test("a link to a server that is down goes to no other", async () => {
    const [victim] = upstreams.channel;
    await victim!.kill();
    expect(await ask(envoy.mesh, "/v1/links/channel/cs-0")).toMatchObject({ status: 503, headers: { "x-ringway-reason": "unavailable" } });
    await victim!.start();
    expect(all.flatMap(({ requests }) => requests)).toEqual([]);
  });

  test.each(["reset", "misdirected"] as const)("%s by the first choice: the second answers, body and all", async (behaviour) => {
    const [first, second] = preference("channel", "C7");
    first!.behaviour = behaviour;
    const body = "x".repeat(200_000);
    const started = performance.now();
    expect(await ask(envoy.mesh, "/v1/channels/C7/messages", { method: "POST", body })).toMatchObject({ status: 200, body: second!.id });
    expect(performance.now() - started).toBeLessThan(500);
    expect(second!.requests.at(-1)?.body).toBe(body);
  });

  test("a first choice that is silent for two seconds: the second answers", async () => {
    const [first, second] = preference("channel", "C11");
    first!.behaviour = "silent";
    const started = performance.now();
    expect(await ask(envoy.mesh, "/v1/channels/C11/messages", { method: "POST", body: "x" })).toMatchObject({ status: 200, body: second!.id });
    expect(performance.now() - started).toBeGreaterThan(1_800);
  });

  test("refused by the first, 421 from the second: the third answers", async () => {
    const [first, second, third] = preference("channel", "C8");
    await first!.kill();
    second!.behaviour = "misdirected";
    expect(await ask(envoy.mesh, "/v1/channels/C8/messages", { method: "POST", body: "x" })).toMatchObject({ status: 200, body: third!.id });
    await first!.start();
  });

  test("when nobody on the list takes it, it is 503, and no stranger ever sees it", async () => {
    const list = preference("channel", "C9");
    for (const upstream of list) upstream.behaviour = "misdirected";
    const answer = await ask(envoy.mesh, "/v1/channels/C9");
    expect(answer).toMatchObject({ status: 503, headers: { "content-type": "application/problem+json", "x-ringway-reason": "unavailable" } });
    expect(JSON.parse(answer.body)).toMatchObject({ status: 503, reason: "unavailable" });
    for (const upstream of upstreams.channel) expect(upstream.requests.length).toBe(list.includes(upstream) ? 1 : 0);
  });

  test.each(["refused", "reset", "misdirected", "overloaded"] as const)("a socket whose gateway is %s gets the next one", async (how) => {
    const [first, second] = preference("gateway", "U7", "a");
    if (how === "refused") await first!.kill();
    else first!.behaviour = how;
    const { socket, who } = await connect(`ws://${envoy.edge}/ws/U7.secret`);
    expect(who).toBe(second!.id);
    socket.terminate();
    if (how === "refused") await first!.start();
  });

  test("posts go on without an error while a server dies and comes back", async () => {
    const victim = preference("channel", "C1")[0]!;
    const statuses: number[] = [];
    let done = false;
    const posting = (async () => {
      for (let i = 0; !done; i++) statuses.push((await ask(envoy.mesh, `/v1/channels/C${i % 10}/messages`, { method: "POST", body: "x" })).status);
    })();
    await until(() => statuses.length > 30);
    await victim.kill();
    const killedAt = statuses.length;
    await until(() => statuses.length > killedAt + 60);
    await victim.start();
    done = true;
    await posting;
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
  });

  test("forged headers neither steer nor arrive", async () => {
    const stranger = preference("channel", "C3").at(-1)!;
    const headers = { "X-Ringway-Upstream": [stranger.addr, "10.0.0.1:80"], "x-ringway-epoch": ["99999", "99998"], "x-RINGWAY-slot": ["1", "2"], "x-RINGWAY-forged": "1" };
    const first = preference("channel", "C3")[0]!;
    expect((await ask(envoy.mesh, "/v1/channels/C3", { headers })).body).toBe(first.id);
    const seen = first.requests.at(-1)!.headers;
    expect(seen["x-ringway-epoch"]).toBe(String(epoch));
    expect(seen["x-ringway-slot"]).toMatch(/^\d{1,5}$/);
    expect(seen["x-ringway-upstream"]).toBe(preference("channel", "C3").map(({ addr }) => addr).join());

    await ask(envoy.edge, "/api/auth.test", { headers });
    expect(Object.keys(webapp.requests.at(-1)!.headers).filter((name) => name.startsWith("x-ringway"))).toEqual([]);
    await ask(envoy.mesh, "/v1/sessions", { headers });
    expect(Object.keys(webapp.requests.at(-1)!.headers).filter((name) => name.startsWith("x-ringway"))).toEqual(["x-ringway-forged"]); // inside, the filter's own names alone
    const { socket, who } = await connect(`ws://${envoy.edge}/ws/U3.s`, { "x-ringway-upstream": upstreams.gateway[2]!.addr, "x-ringway-forged": "1" });
    expect(who).toBe(preference("gateway", "U3", "a")[0]?.id);
    expect(preference("gateway", "U3", "a")[0]!.requests.at(-1)!.headers["x-ringway-forged"]).toBeUndefined();
    socket.terminate();
  });

  test("x-envoy-* headers of a client change nothing", async () => {
    const [first] = preference("channel", "C4");
    first!.behaviour = "misdirected";
    const headers = { "x-envoy-max-retries": "0", "x-envoy-upstream-rq-timeout-ms": "1", "x-envoy-original-path": "/v1/channels/C1" };
    expect((await ask(envoy.mesh, "/v1/channels/C4", { headers })).body).toBe(preference("channel", "C4")[1]?.id);
  });

  test("the inside is closed to clients, and its headers stay inside", async () => {
    for (const path of ["/v1/channels/C1", "/v1/links/channel/cs-0", "/v1/sessions", "//v1/channels/C1", "/x/../v1/channels/C1", "/./v1/channels/C1", "/%76%31/channels/C1"]) {
      const { status } = await ask(envoy.edge, path);
      expect([path, status === 404 || status === 400 || all.every(({ requests }) => requests.length === 0)]).toEqual([path, true]);
    }
    expect(all.flatMap(({ requests }) => requests)).toEqual([]);
    const answer = await ask(envoy.edge, "/v1/channels/C1");
    expect(JSON.parse(answer.body)).toMatchObject({ status: 404, reason: "not_found" });
    expect((await ask(envoy.edge, "/api/api.test")).headers["x-ringway-owner"]).toBeUndefined();
    expect((await ask(envoy.mesh, "/v1/channels/C1")).headers["x-ringway-owner"]).toBeDefined();
  });

  test.each([
    ["mesh", "/v1/channels/%2e%2e/x", "bad_id"],
    ["mesh", "/v1/channels/a%2Fb", "bad_id"],
    ["mesh", `/v1/channels/${"x".repeat(65)}`, "bad_id"],
    ["edge", "/ws/nobody", "bad_ticket"],
    ["edge", "/ws/", "bad_ticket"],
  ] as const)("%s %s is 400 %s", async (listener, path, reason) => {
    const answer = await ask(envoy[listener], path);
    expect(answer).toMatchObject({ status: 400, headers: { "x-ringway-reason": reason } });
    expect(JSON.parse(answer.body)).toMatchObject({ status: 400, reason });
  });

  test("a new topology is seen by every worker within two seconds, an older or damaged one by none", async () => {
    const gone = preference("channel", "C5")[0]!;
    expect(await publish([gone.id])).toBeLessThan(2_000);
    const heir = preference("channel", "C5")[0]!;
    expect(heir).not.toBe(gone);
    const rejected = await envoy.stat("wasmcustom.ringway_topology_rejected");
    charm.publish(seal(1, { channel: members("channel") }).binary);
    await until(async () => (await envoy.stat("wasmcustom.ringway_topology_rejected")) === rejected + 1);
    charm.publish(Buffer.from("damaged, and long enough to be looked at more closely"));
    await until(async () => (await envoy.stat("wasmcustom.ringway_topology_rejected")) === rejected + 2);
    await everyWorker("/v1/channels/C5", ({ body }) => body === heir.id);
    await publish();
  });

  test("endpoints change when charm says so, and 304 for nothing new is understood", async () => {
    const before = charm.notModified;
    await until(() => charm.notModified > before + 6);
    for (const pool of ["channel", "presence", "gateway"]) expect(await envoy.stat(`cluster.${pool}.update_failure`)).toBe(0);
    const [first, second] = preference("channel", "C6");
    const endpoints = members("channel").map(({ addr, zone }) => ({ addr, zone }));
    charm.setEndpoints("channel", endpoints.filter(({ addr }) => addr !== first!.addr));
    await everyWorker("/v1/channels/C6", ({ body }) => body === second!.id);
    charm.setEndpoints("channel", endpoints);
    await everyWorker("/v1/channels/C6", ({ body }) => body === first!.id);
  });

  test("without charm everything goes on, and when it is back so does the feed", async () => {
    const port = charm.port;
    await charm.stop();
    await until(async () => (await envoy.stat("wasmcustom.ringway_feed_failures")) > 1);
    for (let i = 0; i < 20; i++) expect((await ask(envoy.mesh, `/v1/channels/C${i}`)).body).toBe(preference("channel", `C${i}`)[0]?.id);
    await charm.start(port);
    await publish();
  });

  test("the counters and gauges are there, and no VM has failed", async () => {
    expect(await envoy.stat("wasmcustom.ringway_epoch")).toBe(epoch);
    for (const name of ["routed_channel", "routed_presence", "routed_gateway", "routed_link", "bad_id", "bad_ticket", "no_ring", "unknown_server"]) {
      expect([name, await envoy.stat(`wasmcustom.ringway_${name}`)]).toEqual([name, expect.any(Number)]);
      expect(await envoy.stat(`wasmcustom.ringway_${name}`)).toBeGreaterThan(0);
    }
    expect(await envoy.stat("cluster.channel.retry.upstream_rq_421")).toBeGreaterThan(0);
    expect(await envoy.stat("cluster.channel.upstream_rq_retry_success")).toBeGreaterThan(0);
    expect(envoy.log).not.toMatch(/critical|abort|trap|Function: proxy_on|Plugin configured to fail/i);
  });
});
