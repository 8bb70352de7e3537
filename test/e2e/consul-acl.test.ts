/** A Consul that asks for a token: the policies of docs/security.md are enough, and the token changes while a plane runs. By `npm run test:consul`, which sets RINGWAY_TEST_CONSUL. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TOPOLOGY_BINARY_KEY, TOPOLOGY_KEY } from "../../services/protocol/topology.ts";
import type { Registry } from "../../services/registry/client.ts";
import { connectRegistry } from "../../services/registry/consul.ts";
import { ask } from "../../services/runtime/request.ts";
import { Secret } from "../../services/runtime/secret.ts";
import { mount } from "../engines/authority.ts";
import { Consul } from "../engines/consul.ts";
import { Check, openAt } from "./check.ts";
import { topologyOf, weigh } from "./operate.ts";
import { root, startPlane } from "./plane.ts";
import { until } from "./wait.ts";

const bin = process.env["RINGWAY_TEST_CONSUL"];
if (bin === undefined) console.log("a Consul with access control is not tested here: npm run test:consul does it");

/** What docs/security.md says that a token needs. */
async function policy(name: string): Promise<string> {
  const text = await readFile(join(root, "docs", "security.md"), "utf8");
  const found = new RegExp(`\`\`\`hcl\n# policy ${name}\n([\\s\\S]*?)\`\`\``).exec(text)?.[1];
  if (found === undefined) throw new Error(`docs/security.md has no policy ${name}`);
  return found;
}
const services = ["channel", "gateway", "presence", "webapp"];
const serverPolicy = async (role: string): Promise<string> => (await policy("ringway-server")).replace("ringway-channel", `ringway-${role}`);

describe.skipIf(bin === undefined)("a Consul with access control", () => {
  let consul: Consul;
  let folder: string;
  beforeAll(async () => {
    consul = await Consul.guarded(bin!);
    folder = await mkdtemp(join(tmpdir(), "ringway-acl-"));
  });
  afterAll(async () => {
    await consul?.kill();
    await rm(folder, { recursive: true, force: true });
  });
  const withToken = (secret: string): Registry => connectRegistry(consul.url, { token: Secret.given(secret) });
  const denied = { status: 403, isFinal: true };

  test("each server may do what it does, and no more", async () => {
    const admin = withToken(consul.token);
    await admin.put(TOPOLOGY_KEY, Buffer.from("x"));
    for (const role of services) {
      const registry = withToken((await consul.issue(await serverPolicy(role))).secret);
      const registration = { service: `ringway-${role}`, id: `${role}-1`, addr: "127.0.0.1:1", meta: {}, ttlMs: 60_000 };
      await registry.register(registration);
      expect(await registry.pass(registration.id)).toBe(true);
      expect(Buffer.from((await registry.get(TOPOLOGY_KEY)).entry!.value).toString()).toBe("x");
      await until("itself among the others", async () => (await registry.instances("ringway-channel")).instances.length > 0);
      await expect(registry.put(TOPOLOGY_KEY, Buffer.from("y"))).rejects.toMatchObject(denied);
      await expect(registry.get("other/key")).rejects.toMatchObject(denied);
      await expect(registry.register({ ...registration, service: `ringway-${services.find((other) => other !== role)}` })).rejects.toMatchObject(denied);
      if (role !== "channel") await registry.deregister(registration.id);
    }
    await admin.deregister("channel-1");
    await admin.delete(TOPOLOGY_KEY);
  });

  test("the filter's may read, and no more", async () => {
    const { secret } = await consul.issue(await policy("ringway-filter"));
    const at = async (key: string, method: "GET" | "PUT"): Promise<number> => (await ask(`${consul.url}/v1/kv/${key}`, { method, headers: { "x-consul-token": secret } })).status;
    expect([await at(TOPOLOGY_BINARY_KEY, "GET"), await at(TOPOLOGY_BINARY_KEY, "PUT"), await at("other/key", "GET")]).toEqual([404, 403, 403]);
  });

  test("a plane whose token is changed under load goes on: its servers stay in the ring, and Envoy learns of a new one", async () => {
    const policies = [...(await Promise.all(services.map(serverPolicy))), await policy("ringway-charm"), await policy("ringway-filter")];
    const first = await consul.issue(...policies);
    const file = join(folder, "registry-token");
    await mount(folder, { "registry-token": `${first.secret}\n` });
    const plane = await startPlane({ registry: consul, env: { CONSUL_HTTP_TOKEN_FILE: file } });
    try {
      const admin = `http://127.0.0.1:${Number(new URL(plane.url).port) + 2}`;
      const epoch = async (): Promise<number> => Number(/wasmcustom\.ringway_epoch: (\d+)/.exec((await ask(`${admin}/stats?filter=ringway_epoch`)).bytes.toString())?.[1]);
      const checking = new Check("--api", plane.url, "--seconds", "60", "--rate", "20", "--readers", "4");
      await until("the check's sockets", async () => (await openAt(plane)).reduce((sum, count) => sum + count) >= 4);
      const next = await consul.issue(...policies);
      await mount(folder, { "registry-token": `${next.secret}\n` });
      const members = (await topologyOf(plane)).pools;
      // As an operator does by the documented times: a look at the file each second, a pass each half. Nobody can be asked which token he uses.
      await new Promise((done) => setTimeout(done, 3_000));
      await consul.revoke(first.id);
      await weigh(plane, "cs-1", 90);
      await until("the change in the ring, and at Envoy", async () => {
        const topology = await topologyOf(plane);
        return topology.pools.channel.servers.some(({ id, weight }) => id === "cs-1" && weight === 90) && (await epoch()) >= topology.epoch;
      }, 30_000);
      const servers = ({ channel, gateway, presence }: typeof members): unknown => [channel, gateway, presence].map((pool) => pool.servers.map(({ id, state }) => [id, state]));
      expect(servers((await topologyOf(plane)).pools)).toEqual(servers(members));
      // A server that begins anew does so with the new token, and is seen to: Consul itself has let go of the old one.
      const old = await plane.kill("cs-2");
      await plane.restarted("cs-2", old);
      await until("it in the ring", async () => (await topologyOf(plane)).pools.channel.servers.some(({ id, state }) => id === "cs-2" && state === "up"), 30_000);
      checking.enough();
      const { result, err } = await checking.ended;
      console.log(`Consul with access control, token changed under load: ${result.verdict}, ${result.acked} messages acked, ${JSON.stringify(result.counts)}`);
      expect(result, err).toMatchObject({ verdict: "kept", faults: [] });
      const seen = `${await plane.logs(1_000_000)}${await (await fetch(`${admin}/config_dump`)).text()}${await readFile(join(plane.data, "envoy.json"), "utf8")}`;
      for (const { secret } of [first, next]) expect(seen).not.toContain(secret);
    } finally {
      await plane.stop();
    }
  }, 200_000);
});
