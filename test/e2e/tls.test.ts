/** A plane whose processes speak TLS among themselves and to their clients: who gets in, that nothing is lost, and that certificates change while it runs. */
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { identityEnvironment, identityIn } from "../../services/launch/identities.ts";
import { connectRegistry } from "../../services/registry/consul.ts";
import { keepRegistered } from "../../services/registry/register.ts";
import { systemClock } from "../../services/runtime/clock.ts";
import { createLog } from "../../services/runtime/log.ts";
import { ask } from "../../services/runtime/request.ts";
import { takeIdentity, urlOf } from "../../services/runtime/tls.ts";
import { Authority, mount, secretFiles, type Identity } from "../engines/authority.ts";
import { Check, openAt } from "./check.ts";
import { clientSuite } from "./clients/suite.ts";
import { nodeProgram } from "./clients/programs.ts";
import { connectRtm } from "./client.ts";
import { ownerOf, topologyOf } from "./operate.ts";
import { everybody, people } from "./people.ts";
import { root, startPlane, type TestPlane } from "./plane.ts";
import { freePorts } from "./ports.ts";
import { until } from "./wait.ts";

const operatorToken = "an-operators-token";
/** Each process's certificate says which role it plays. */
const names = { charm: "charm", webapp: "webapp", "cs-0": "channel", "cs-1": "channel", "cs-2": "channel", "ps-0": "presence", "ps-1": "presence", "gw-0": "gateway", "gw-1": "gateway", console: "console", envoy: "envoy", operator: "operator" };

let folder: string;
/** Clients know the edge's CA and not the plane's. */
let [inside, outside, foreign]: Authority[] = [];
let plane: TestPlane;

async function issueAll(): Promise<void> {
  for (const [name, role] of Object.entries(names)) await mount(join(folder, name), secretFiles(await inside!.issue(`URI:ringway://${role}/${name}`)));
  await mount(join(folder, "edge"), secretFiles(await outside!.issue("IP:127.0.0.1")));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ringway-tls-"));
  [inside, outside, foreign] = await Promise.all([Authority.make(), Authority.make(), Authority.make()]);
  await issueAll();
  await writeFile(join(folder, "clients-ca.crt"), outside.ca);
  // For what this process starts, and for itself: clients of the edge.
  process.env["NODE_EXTRA_CA_CERTS"] = join(folder, "clients-ca.crt");
  setDefaultCACertificates([...getCACertificates(), outside.ca]);
  takeIdentity(identityIn(folder, "operator"), "operator");
  plane = await startPlane({ tls: folder, env: { RINGWAY_PRESENCE_GRACE_MS: "1000", RINGWAY_OPERATOR_TOKEN: operatorToken } });
}, 150_000);
afterAll(async () => {
  await plane?.stop();
  await Promise.all([inside, outside, foreign].map((authority) => authority?.remove()));
  await rm(folder, { recursive: true, force: true });
});

clientSuite({ name: "@slack/rtm-api and @slack/web-api (Node), over TLS", program: nodeProgram, person: people.ada }, () => plane);

/** Asks with this identity, or none. @returns the status, or the error's code */
function askAs(identity: Partial<Identity>, address: string): Promise<number | string> {
  const [host, port] = address.split(":");
  return new Promise((resolve) => {
    const req = request({ host, port, path: "/livez", ...identity, rejectUnauthorized: false, agent: false }, (res) => resolve(res.resume().statusCode!));
    req.on("error", ({ code }: NodeJS.ErrnoException) => resolve(code ?? "?"));
    req.end();
  });
}

/** Of all that only the plane's own may reach: its listeners, by name. */
async function doors(): Promise<(readonly [string, string])[]> {
  const { mesh, processes } = await plane.file();
  const services = processes.filter(({ role }) => role !== "envoy" && role !== "console").map(({ name, address }) => [name, address] as const);
  return [["the mesh", new URL(mesh).host], ...services];
}

test("the mesh and every service refuse plain text, no certificate, one of another CA, and one of the CA that names nobody of the plane", async () => {
  const [stranger, nameless, known] = await Promise.all([foreign!.issue("URI:ringway://gateway/gw-0"), inside!.issue("DNS:gw-0.internal"), inside!.issue("URI:ringway://gateway/gw-9")]);
  expect(await doors()).toHaveLength(10);
  for (const [name, address] of await doors()) {
    await expect(ask(`http://${address}/livez`), name).rejects.toMatchObject({ code: "ECONNRESET" });
    for (const [who, identity] of Object.entries({ nobody: {}, stranger, nameless })) expect(String(await askAs(identity, address)), `${who} at ${name}`).toMatch(/^E(CONNRESET|PIPE|RR_SSL_)/);
    // The mesh has no such path: Envoy's own 404.
    expect(await askAs(known, address), name).toBe(name === "the mesh" ? 404 : 200);
  }
});

test("the edge asks its clients for nothing, and speaks plain HTTP with none", async () => {
  const edge = new URL(plane.url).host;
  expect((await fetch(`${plane.url}/api/api.test`)).status).toBe(200);
  expect((await (await fetch(`${plane.url}/api/rtm.connect`, { headers: { authorization: `Bearer ${people.ada.token}` } })).json() as { url: string }).url).toMatch(`wss://${edge}/ws/`);
  await expect(ask(`http://${edge}/api/api.test`)).rejects.toMatchObject({ code: "ECONNRESET" });
});

test("Envoy sends nobody to a server whose certificate is of another role, whatever it registered as", async () => {
  let [met, asked] = [0, 0];
  const rogue = createServer(await inside!.issue("URI:ringway://channel/cs-9"), () => asked++);
  rogue.on("upgrade", () => asked++).on("connection", () => met++);
  const port = await freePorts(1);
  await new Promise<void>((resolve) => rogue.listen(port, "127.0.0.1", resolve));
  const registration = { service: "ringway-gateway", id: "gw-9", addr: `127.0.0.1:${port}`, meta: { zone: "local", weight: "65535" }, ttlMs: 60_000 };
  const kept = keepRegistered({ registry: connectRegistry(plane.charm), registration, passEveryMs: 1_000, clock: systemClock, log: createLog("test", "rogue", "silent") });
  await until("Envoy's attempt at it", async () => {
    for (const { token } of everybody) {
      const rtm = await connectRtm(plane.url, token);
      await rtm.close();
      expect(plane.named("gateway")).toContain(rtm.frames.find(({ type }) => type === "hello")!["x_gateway"]);
    }
    return met > 0;
  }, 30_000);
  expect(asked).toBe(0);
  await kept.stop();
  rogue.close();
  await until("it out of the ring", async () => !(await topologyOf(plane)).pools.gateway.servers.some(({ id, state }) => id === "gw-9" && state === "up"), 30_000);
}, 90_000);

/** Of a new connection. Who asks is not known yet when the server has shown what it has. */
function serialAt(address: string): Promise<string> {
  const [host, port] = address.split(":");
  return new Promise((resolve, reject) => {
    const socket = connect({ host: host!, port: Number(port), rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

test("a channel server is killed and all certificates are changed under load: nothing is lost, doubled or reordered, and no call fails", async () => {
  const all = [...(await doors()), ["the edge", new URL(plane.url).host] as const];
  const before = new Map(await Promise.all(all.map(async ([name, address]) => [name, await serialAt(address)] as const)));
  const checking = new Check("--api", plane.url, "--seconds", "120", "--rate", "20", "--readers", "6");
  await until("sockets at both gateways", async () => (await openAt(plane)).every((count) => count > 0));
  const victim = await ownerOf(plane, "C0GENERAL");
  const old = await plane.kill(victim);
  await plane.restarted(victim, old);

  await issueAll();
  // The console is no service behind Envoy, but takes its own in the same way.
  for (const [name, pid] of Object.entries(await plane.pids())) if (name !== "envoy") process.kill(pid!, "SIGHUP");
  for (const [name, address] of all) await until(`another certificate at ${name}`, async () => (await serialAt(address)) !== before.get(name), 30_000);
  // Connections that are made now are of the new ones.
  const gateway = await plane.kill("gw-0");
  await plane.restarted("gw-0", gateway);
  checking.enough();
  const { code, err, result } = await checking.ended;
  console.log(`TLS everywhere, a channel server and a gateway killed, all certificates changed: ${result.verdict}, ${result.acked} messages acked, ${result.shown} shown, ${JSON.stringify(result.counts)}`);
  expect(result, err).toMatchObject({ verdict: "kept", faults: [], counts: { lost: 0, doubled: 0, reordered: 0, falseAck: 0 } });
  expect(code).toBe(0);
  expect(result.acked).toBeGreaterThan(100);
}, 200_000);

test("the operator's verbs need a certificate, and the console shows what it asked for with its own", async () => {
  const ringway = (env: Readonly<Record<string, string>>, ...args: string[]): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, [join(root, "services", "main.ts"), ...args, "--charm-url", plane.charm], { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
      let [out, err] = ["", ""];
      child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
      child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString("utf8")));
      child.on("close", (code) => resolve({ code, out, err }));
    });
  const operator = identityEnvironment(identityIn(folder, "operator"));
  expect(await ringway({}, "status")).toMatchObject({ code: 2, err: expect.stringMatching(/^ringway: charm at https:\S+ does not answer \(\w+\)\n$/) as unknown });
  expect(await ringway({ RINGWAY_TLS_CERT_FILE: join(folder, "operator", "tls.crt") }, "status")).toMatchObject({ code: 2, err: "ringway: --tls-cert-file, --tls-key-file and --tls-ca-file go together: give all three, or none\n" });
  for (const args of [["status"], ["top", "--once"], ["ring", "owner", "C0GENERAL"], ["ring", "show"]]) expect(await ringway(operator, ...args)).toMatchObject({ code: 0, err: "" });
  await until("the console's figures of every server", async () => {
    const { json } = await ask(`${urlOf(plane.addressOf("console"))}/console/api/state`, { headers: { authorization: `Bearer ${operatorToken}` } });
    const { servers } = json as { servers: readonly { figures: unknown; stale: boolean }[] };
    return servers.length === 7 && servers.every(({ figures, stale }) => figures !== null && !stale);
  });
}, 100_000);
