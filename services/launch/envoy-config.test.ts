import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { envoyConfig, oneOfEach } from "./envoy-config.ts";
import { writeSecretFiles } from "./envoy-secrets.ts";
import { planPorts, takenPort } from "./ports.ts";

const shipped = fileURLToPath(new URL("../../envoy/envoy.yaml", import.meta.url));
const settings = { host: "127.0.0.1", ports: { edge: 9000, mesh: 9001, admin: 9002 }, upstreams: oneOfEach({ charm: 9003, webapp: 9004 }, () => "127.0.0.1"), wasmFile: "/somewhere/filter.wasm", ringKey: "ffeeddccbbaa99887766554433221100", zone: "zone-b" };

test("the shipped Envoy configuration gets the plane's addresses, wasm and key, and nothing of its own is left", async () => {
  const text = await envoyConfig(shipped, settings);
  for (const port of [9000, 9001, 9002, 9003, 9004]) expect(text).toContain(`"port_value": ${port}`);
  expect(text).not.toMatch(/"port_value": 80\d\d/);
  expect(text).not.toContain("build/filter.wasm");
  expect(text).not.toContain("000102030405060708090a0b0c0d0e0f");
  expect(text.match(/ffeeddccbbaa99887766554433221100/g)).toHaveLength(2);
  expect(JSON.parse(text)).toMatchObject({ node: { locality: { zone: "zone-b" } } });
});

test("where the registry is not charm's, it gets a cluster of its own, and the filter reads the topology there", async () => {
  const text = await envoyConfig(shipped, { ...settings, registry: { host: "127.0.0.1", port: 9005 } });
  expect(text.match(/\\"topology\\":\{\\"cluster\\":\\"\w+/g)).toEqual(Array(2).fill('\\"topology\\":{\\"cluster\\":\\"registry'));
  const { clusters } = (JSON.parse(text) as { static_resources: { clusters: { name: string }[] } }).static_resources;
  const [charm, registry] = ["charm", "registry"].map((name) => JSON.stringify(clusters.find((cluster) => cluster.name === name)));
  expect(registry).toBe(charm!.replaceAll('"charm"', '"registry"').replace("9003", "9005"));
});

test("with certificates and a registry's token both listeners and all of the plane's clusters are behind TLS, and the token stands in no configuration", async () => {
  const secrets = { sds: "/data/sds", tls: "/certificates", registryToken: "/run/secrets/token" };
  const text = await envoyConfig(shipped, { ...settings, registry: { host: "127.0.0.1", port: 9005 }, secrets });
  const { listeners, clusters } = (JSON.parse(text) as { static_resources: Record<"listeners" | "clusters", readonly { name: string }[]> }).static_resources;
  const secure = [...listeners, ...clusters].filter((part) => JSON.stringify(part).includes("envoy.transport_sockets.tls")).map(({ name }) => name);
  expect(secure.sort()).toEqual(["channel", "charm", "edge", "gateway", "mesh", "presence", "webapp"]);
  for (const { name } of clusters) if (name !== "registry") expect(JSON.stringify(clusters.find((cluster) => cluster.name === name))).toContain(`"ringway://${name}/"`);
  expect(JSON.stringify(clusters.find(({ name }) => name === "registry"))).toContain('"path":"/data/sds/registry-token.yaml","watched_directory":{"path":"/run/secrets"}');
  expect(text).toContain("/certificates/envoy");
  expect(text).not.toContain("/etc/ringway");
});

test("the files that name the secrets to Envoy are of this machine, and only those that are wanted", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ringway-sds-"));
  try {
    await writeSecretFiles({ sds: folder, tls: "/certificates" });
    expect((await readdir(folder)).sort()).toEqual(["ca.yaml", "edge.yaml", "identity.yaml"]);
    expect(JSON.parse(await readFile(join(folder, "edge.yaml"), "utf8"))).toMatchObject({ resources: [{ name: "edge", tls_certificate: { certificate_chain: { filename: "/certificates/edge/tls.crt" }, private_key: { filename: "/certificates/edge/tls.key" } } }] });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("several charms and webapps, by their names, are endpoints of one cluster that Envoy looks up", async () => {
  const upstreams = { charm: [{ host: "charm-0", port: 1 }, { host: "charm-1", port: 2 }], webapp: [{ host: "10.0.0.1", port: 3 }, { host: "10.0.0.2", port: 4 }] };
  const { clusters } = (JSON.parse(await envoyConfig(shipped, { ...settings, upstreams })) as { static_resources: { clusters: { name: string }[] } }).static_resources;
  const [charm, webapp] = ["charm", "webapp"].map((name) => clusters.find((cluster) => cluster.name === name)!);
  expect(charm).toMatchObject({ cluster_type: { name: "envoy.clusters.dns" } });
  expect(charm).not.toHaveProperty("type");
  expect(webapp).toMatchObject({ type: "STATIC" });
  const addresses = [charm, webapp].flatMap((cluster) => [...JSON.stringify(cluster).matchAll(/"address":"([^"]+)","port_value":(\d)/g)].map(([, host, port]) => `${host}:${port}`));
  expect(addresses).toEqual(["charm-0:1", "charm-1:2", "10.0.0.1:3", "10.0.0.2:4"]);
});

test("a plane's ports are distinct and follow the edge's", () => {
  const ports = planPorts(8080, { channels: 3, gateways: 2, presences: 2 });
  expect(ports).toEqual({ edge: 8080, mesh: 8081, admin: 8082, charm: 8083, webapp: 8084, console: 8085, channel: [8090, 8091, 8092], presence: [8093, 8094], gateway: [8095, 8096] });
});

test("a port that cannot be bound is named", async () => {
  const { createServer } = await import("node:net");
  const holder = createServer();
  const port = await new Promise<number>((resolve) => holder.listen(0, "127.0.0.1", () => resolve((holder.address() as { port: number }).port)));
  try {
    const only = { edge: port, mesh: port, admin: port, charm: port, webapp: port, console: port, channel: [], presence: [], gateway: [] };
    expect(await takenPort("127.0.0.1", only)).toEqual({ port, reason: "EADDRINUSE" });
  } finally {
    holder.close();
  }
});
