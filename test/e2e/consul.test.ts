/** A plane on three Consul servers, of which the leader is killed under load. Runs by `npm run test:consul`, which sets RINGWAY_TEST_CONSUL. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Consul } from "../engines/consul.ts";
import { topologyOf } from "./operate.ts";
import { root, startPlane, type TestPlane } from "./plane.ts";
import { until } from "./wait.ts";

const bin = process.env["RINGWAY_TEST_CONSUL"];
if (bin === undefined) console.log("a Consul cluster is not tested here: npm run test:consul does it");

const servers: Consul[] = [];
let plane: TestPlane;
let leader: Consul;
beforeAll(async () => {
  if (bin === undefined) return;
  servers.push(...(await Consul.cluster(bin, 3)));
  leader = await until("a leader", async () => {
    for (const server of servers) if (await server.leads()) return server;
    return undefined;
  });
  // Whoever registers at an agent goes with it: the plane's is another one.
  plane = await startPlane({ registry: servers.find((server) => server !== leader)! });
}, 150_000);
afterAll(async () => {
  if (bin === undefined) return;
  await plane.stop();
  await Promise.all(servers.map((server) => server.kill()));
});

/** The delivery check as its users run it. */
function checkDelivery(seconds: number): Promise<{ readonly code: number | null; readonly out: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, "services", "main.ts"), "check-delivery", "--api", plane.url, "--seconds", String(seconds)], { stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
    child.on("close", (code) => resolve({ code, out }));
  });
}

test.skipIf(bin === undefined)("the leader of three is killed under load: nothing is lost, the topology holds, and another leads", async () => {
  const before = await topologyOf(plane);
  const checked = checkDelivery(20);
  await until("the check's sockets", async () => {
    const open = await Promise.all(plane.named("gateway").map(async (name) => ((await (await fetch(`http://${plane.addressOf(name)}/v1/status`)).json()) as { sessions: number }).sessions));
    return open.reduce((sum, count) => sum + count) >= 10;
  });
  await leader.kill();
  await until("another leader", async () => {
    for (const server of servers) if (server !== leader && (await server.leads().catch(() => false))) return true;
    return false;
  }, 30_000);
  const { code, out } = await checked;
  console.log(out);
  expect(code, out).toBe(0);
  expect((await topologyOf(plane)).pools).toEqual(before.pools);
  // The plane can be changed again: charm has its lead back, or took it anew.
  await until("a change to be taken", async () => (await fetch(`${plane.charm}/v1/charm/servers/cs-1`, { method: "PUT", headers: { "content-type": "application/json" }, body: '{"weight":90}' })).ok, 60_000, 500);
  await until("the change in the ring", async () => (await topologyOf(plane)).pools.channel.servers.some(({ id, weight }) => id === "cs-1" && weight === 90), 30_000);
}, 150_000);
