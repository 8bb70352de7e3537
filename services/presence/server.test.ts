import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { decodeLink, encodeLink, LINK_VERSION, type LinkFrame } from "../protocol/link.ts";
import { TOPOLOGY_KEY, type Server } from "../protocol/topology.ts";
import { connectRegistry } from "../registry/consul.ts";
import { openEmbedded } from "../registry/embedded.ts";
import { DEV_KEY } from "../ring/key.ts";
import { loadRingModule, type RingModule } from "../ring/ring.ts";
import { sealTopology } from "../ring/seal.ts";
import { systemClock as clock } from "../runtime/clock.ts";
import { createHttp } from "../runtime/http.ts";
import { createLog } from "../runtime/log.ts";
import { ask } from "../runtime/request.ts";
import { connectSocket, type Socket } from "../runtime/socket.ts";
import { readConfig } from "./config.ts";
import { start } from "./server.ts";

const log = createLog("test", "presence", "silent");
let module: RingModule;
beforeAll(async () => void (module = await loadRingModule(DEV_KEY)));
const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end();
});

/** One presence server in a ring with one gateway; its address. */
async function serve(...flags: string[]): Promise<string> {
  const registry = await openEmbedded({ clock, log });
  const door = createHttp(registry.routes, log, { bodyBytes: 512 * 1024 });
  const registryUrl = `http://${await door.listen("127.0.0.1:0")}`;
  cleanUp.push(() => door.close(50), () => registry.close());
  const server = (id: string): Server => ({ id, addr: "127.0.0.1:1", zone: "", weight: 100, state: "up" });
  const pool = (...ids: string[]) => ({ servers: ids.map(server), pins: [] });
  const { json } = sealTopology(module, { epoch: 1, pools: { channel: pool(), presence: pool("ps-0"), gateway: pool("gw-0") } });
  await connectRegistry(registryUrl).put(TOPOLOGY_KEY, json);
  const running = await start(readConfig(["--id", "ps-0", "--listen", "127.0.0.1:0", "--registry-url", registryUrl, "--ring-key", DEV_KEY, ...flags]), log);
  cleanUp.push(() => running.stop());
  await vi.waitFor(async () => expect((await ask(`http://${running.address}/readyz`)).status).toBe(200), 5_000);
  return running.address;
}

/** A gateway's end of a link. */
class Gateway {
  readonly told: unknown[][] = [];
  closed: number | undefined;
  socket!: Socket;

  static async open(address: string, id = "gw-0"): Promise<Gateway> {
    const gateway = new Gateway();
    const binary = (data: Buffer): void => void gateway.told.push(...decodeLink(data).map((frame) => Object.values(frame)));
    gateway.socket = await connectSocket(`ws://${address}/v1/links/presence/ps-0`, 1 << 20, 2_000, () => ({ text: () => {}, binary, closed: (code) => void (gateway.closed = code) }));
    cleanUp.push(async () => gateway.socket.destroy());
    gateway.send({ type: "hello", v: LINK_VERSION, server: id, epoch: 1 });
    return gateway;
  }

  send(...frames: LinkFrame[]): void {
    this.socket.send(encodeLink(...frames));
  }
}

const url = (address: string, user: string): string => `http://${address}/v1/presence/users/${user}`;

describe("a presence server", () => {
  test("answers over HTTP and links alike", async () => {
    const address = await serve();
    const [one, two] = [await Gateway.open(address), await Gateway.open(address, "gw-1")];
    one.send({ type: "online", user: "UADA", manualAway: 0, at: 0 }, { type: "announced", epoch: 1 });
    two.send({ type: "watch", user: "UADA" });
    await vi.waitFor(() => expect(two.told).toEqual([["hello", LINK_VERSION, "ps-0", 1], ["presence", "UADA", 1]]));
    expect((await ask(url(address, "UADA"))).json).toEqual({ user: "UADA", presence: "active", online: true, manual_away: false });
    expect((await ask(url(address, "UADA"), { method: "PUT", body: { presence: "away", at: 7 } })).json).toEqual({ user: "UADA", presence: "away", online: true, manual_away: true });
    await vi.waitFor(() => expect(one.told.at(-1)).toEqual(["manual", "UADA", 1, 7]));
    await vi.waitFor(() => expect(two.told.at(-1)).toEqual(["presence", "UADA", 0]));
  });

  test("a request waits while it is not known who is online", async () => {
    const address = await serve("--settle-ms", "2000");
    const answer = ask(url(address, "UADA"));
    const gateway = await Gateway.open(address);
    gateway.send({ type: "ping", at: 1 });
    await vi.waitFor(() => expect(gateway.told.at(-1)).toEqual(["pong", 1]));
    gateway.send({ type: "online", user: "UADA", manualAway: 0, at: 0 });
    expect((await answer).json).toMatchObject({ presence: "active" });
    gateway.send({ type: "announced", epoch: 1 });
    expect((await ask(url(address, "UGRACE"))).json).toMatchObject({ presence: "away", online: false });
  });

  test("a gateway's death makes its users away after the grace period", async () => {
    const address = await serve("--grace-ms", "200", "--settle-ms", "0");
    const [one, two] = [await Gateway.open(address), await Gateway.open(address, "gw-1")];
    one.send({ type: "online", user: "UADA", manualAway: 0, at: 0 });
    two.send({ type: "watch", user: "UADA" });
    await vi.waitFor(() => expect(two.told.at(-1)).toEqual(["presence", "UADA", 1]));
    one.socket.destroy();
    await vi.waitFor(() => expect(two.told.at(-1)).toEqual(["presence", "UADA", 0]), 3_000);
  });

  test.each([
    ["bytes that are no frames", (gateway: Gateway) => gateway.socket.send(Buffer.from([9, 9]))],
    ["a text message", (gateway: Gateway) => gateway.socket.send("hello")],
    ["a frame that is not for it", (gateway: Gateway) => gateway.send({ type: "unsubscribe", chan: 1 })],
  ])("%s close that link with 1002, and no other", async (_, misbehave) => {
    const address = await serve();
    const [bad, good] = [await Gateway.open(address), await Gateway.open(address, "gw-1")];
    misbehave(bad);
    await vi.waitFor(() => expect(bad.closed).toBe(1002));
    good.send({ type: "ping", at: 5 });
    await vi.waitFor(() => expect(good.told.at(-1)).toEqual(["pong", 5]));
  });

  test.each([
    ["GET", "U%20x", undefined, 400, "bad_id"],
    ["PUT", "UADA", { presence: "asleep" }, 400, "bad_request"],
    ["PUT", "UADA", Buffer.from("{"), 400, "bad_json"],
    ["PUT", "UADA", Buffer.from("null"), 400, "bad_request"],
    ["DELETE", "UADA", undefined, 405, "method_not_allowed"],
  ] as const)("%s %s %s is refused", async (method, user, body, status, reason) => {
    const address = await serve();
    const answer = await ask(url(address, user), { method, ...(body === undefined ? {} : { body }) });
    expect([answer.status, (answer.json as { reason: string }).reason]).toEqual([status, reason]);
  });

  test("a link for another server is 421, another path 404", async () => {
    const address = await serve();
    const open = (path: string): Promise<unknown> => connectSocket(`ws://${address}${path}`, 1024, 2_000, () => ({ text: () => {}, binary: () => {}, closed: () => {} }));
    await expect(open("/v1/links/presence/ps-9")).rejects.toThrow("421");
    await expect(open("/v1/links/channel/ps-0")).rejects.toThrow("404");
  });
});
