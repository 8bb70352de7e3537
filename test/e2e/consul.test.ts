/** A plane on three Consul servers, of which the leader is killed under load. Runs by `npm run test:consul`, which sets RINGWAY_TEST_CONSUL. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Consul } from "../engines/consul.ts";
import { DeliveryCheck, stallsOf } from "./delivery-check.ts";
import { topologyOf } from "./operate.ts";
import { startPlane, type TestPlane } from "./plane.ts";
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

test.skipIf(bin === undefined)("the leader of three is killed under load: nothing is lost, the topology holds, and another leads", async () => {
  const before = await topologyOf(plane);
  const check = await DeliveryCheck.start(plane);
  const killed = await check.during(async () => {
    await leader.kill();
    await until("another leader", async () => {
      for (const server of servers) if (server !== leader && (await server.leads().catch(() => false))) return true;
      return false;
    }, 30_000);
  });
  await check.kept();
  console.log(stallsOf("the leader of three Consul servers killed", [killed]));
  expect((await topologyOf(plane)).pools).toEqual(before.pools);
  // The plane can be changed again: charm has its lead back, or took it anew.
  await until("a change to be taken", async () => (await fetch(`${plane.charm}/v1/charm/servers/cs-1`, { method: "PUT", headers: { "content-type": "application/json" }, body: '{"weight":90}' })).ok, 60_000, 500);
  await until("the change in the ring", async () => (await topologyOf(plane)).pools.channel.servers.some(({ id, weight }) => id === "cs-1" && weight === 90), 30_000);
}, 150_000);
