/** `envoy/examples/kubernetes/`: Kubernetes takes the manifests, their parts fit each other, the services take their flags, and the hooks do to a real charm what they are for. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfig as readChannel } from "../../services/channel/config.ts";
import { readConfig as readCharm } from "../../services/charm/config.ts";
import { start as startCharm } from "../../services/charm/server.ts";
import { readConfig as readConsole } from "../../services/console/config.ts";
import { readConfig as readGateway } from "../../services/gateway/config.ts";
import { readConfig as readPresence } from "../../services/presence/config.ts";
import type { Topology } from "../../services/protocol/topology.ts";
import { connectRegistry } from "../../services/registry/consul.ts";
import { keepRegistered, type Registered } from "../../services/registry/register.ts";
import { DEV_KEY } from "../../services/ring/key.ts";
import { systemClock } from "../../services/runtime/clock.ts";
import type { Running } from "../../services/runtime/lifecycle.ts";
import { createLog } from "../../services/runtime/log.ts";
import { ask } from "../../services/runtime/request.ts";
import type { Secret } from "../../services/runtime/secret.ts";
import { readConfig as readWebapp } from "../../services/webapp/config.ts";
import { until } from "../e2e/wait.ts";
import { document, root } from "../filter/yaml.ts";
import { type Container, files, folder, isWorkload, type Manifest, manifests, secretsOf, type Variable, type Workload } from "./manifests.ts";
import { faults } from "./rules.ts";
import { checkSchemas, passedLines } from "./schemas.ts";

const all = await manifests();
const secrets = await secretsOf();
const workload = (name: string, list: readonly Manifest[] = all): Workload => list.filter(isWorkload).find(({ metadata }) => metadata.name === name)!;
const containerOf = (of: Workload): Container => of.spec.template.spec.containers[0]!;
const variable = (of: Workload, called: string): Variable => containerOf(of).env.find(({ name }) => name === called)!;
const service = (name: string, list: readonly Manifest[]): Manifest => list.find(({ kind, metadata }) => kind === "Service" && metadata.name === name)!;
const version = (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }).version;

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "ringway-kubernetes-"));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

describe("Kubernetes' schemas", () => {
  test("take every manifest", async () => {
    const { passed, faults: refused } = await checkSchemas((await files()).map((file) => join(root, folder, file)));
    expect(refused).toEqual([]);
    expect([...passed].sort()).toEqual(all.flatMap(({ kind, metadata }) => passedLines(kind, metadata.name)).sort());
  }, 180_000); // the first time it fetches the checker

  test.each([
    ["a field that there is not", "terminationGracePeriodSeconds:", "terminationGraceSeconds:", /'terminationGraceSeconds' was unexpected/],
    ["a number as text", "replicas: 3", "replicas: three", /spec\.replicas.*'three' is not of type/],
    ["a kind that there is not", "kind: StatefulSet", "kind: StatefulSets", /Couldn't find schema for kind StatefulSets/],
  ])("refuse %s", async (_, what, instead, fault) => {
    const broken = join(scratch, "broken.yaml");
    const text = readFileSync(join(root, folder, "channel.yaml"), "utf8");
    await writeFile(broken, text.replace(what, instead));
    expect((await checkSchemas([broken])).faults.join("\n")).toMatch(fault);
  });
});

describe("the parts", () => {
  test("fit each other", () => {
    expect(faults(all, secrets)).toEqual([]);
  });

  const channel = (list: readonly Manifest[]) => workload("channel", list).spec.template;
  const first = (list: readonly Manifest[]) => channel(list).spec.containers[0]!;
  test.each<[string, (list: Manifest[]) => void, string]>([
    ["a selector that does not match its pods", (list) => (channel(list).metadata.labels["app.kubernetes.io/name"] = "chanel"), "StatefulSet channel: its selector does not match its template's labels"],
    ["a Service that selects nothing", (list) => (channel(list).metadata.labels["app.kubernetes.io/name"] = "chanel"), "Service channel: it selects nothing"],
    ["pods of one zone that another Deployment takes for its own", (list) => (workload("gateway-b", list).spec.template.metadata.labels["ringway/zone"] = "a"), "Deployment gateway-a: its selector matches the pods of Deployment gateway-b"],
    ["no budget for disruptions", (list) => list.splice(list.findIndex(({ kind, metadata }) => kind === "PodDisruptionBudget" && metadata.name === "charm"), 1), "StatefulSet charm: it has 0 PodDisruptionBudgets"],
    ["a port that is called otherwise", (list) => (first(list).ports[0]!.name = "http"), "Service channel: StatefulSet channel has no port channel"],
    ["a probe of no port", (list) => (first(list).livenessProbe!.httpGet!.port = "live"), "StatefulSet channel: channel has no port live to be probed at"],
    ["a secret that nobody makes", (list) => (channel(list).spec.volumes[1]!.projected!.sources[1]!.secret.items[0]!.key = "uri"), "StatefulSet channel: nobody makes the secret ringway-store/uri"],
    ["a file that is not mounted", (list) => (first(list).volumeMounts[1]!.mountPath = "/secrets"), "StatefulSet channel: channel finds no file /run/secrets/ringway/ring-key"],
    ["a variable that is not there yet", (list) => first(list).env.reverse(), "StatefulSet channel: channel has no variable HOST_IP for 'http://$(HOST_IP):8500'"],
    ["a root that may be written", (list) => delete first(list).securityContext.readOnlyRootFilesystem, "StatefulSet channel: channel may write to its root"],
    ["a user that is root", (list) => (channel(list).spec.securityContext.runAsUser = 0), "StatefulSet channel: may run as root"],
    ["less time than its end may take", (list) => (channel(list).spec.terminationGracePeriodSeconds = 240), "StatefulSet channel: channel may take 250 s to stop, and is given 240"],
    ["a hook without an end", (list) => (first(list).lifecycle.preStop.exec!.command[2] = "node services/main.ts ring drain $POD_NAME"), "StatefulSet channel: channel may take Infinity s to stop, and is given 270"],
    ["another zone's mesh", (list) => (variable(workload("gateway-a", list), "RINGWAY_MESH_URL").value = "http://mesh-b:8081"), "Deployment gateway-a: http://mesh-b:8081 leads to Deployment envoy-b, in another zone"],
    ["a network that keeps Envoy from charm", (list) => list.splice(list.findIndex(({ kind, metadata }) => kind === "NetworkPolicy" && metadata.name === "charm"), 1), "Deployment envoy-a: no NetworkPolicy lets it ask StatefulSet charm for RINGWAY_CHARM"],
    ["a charm that there is not", (list) => (variable(workload("envoy-a", list), "RINGWAY_CHARM").value = "charm-0.charm:8083,charm-2.charm:8083"), "Deployment envoy-a: StatefulSet charm has no pod charm-2 for RINGWAY_CHARM"],
    ["a pod's name without its Service's", (list) => (variable(workload("presence", list), "RINGWAY_CHARM_URL").value = "http://charm-0:8083,http://charm-1.charm:8083"), "StatefulSet presence: there is no Service for RINGWAY_CHARM_URL, http://charm-0:8083"],
    ["a charm that is not asked", (list) => (variable(workload("console", list), "RINGWAY_CHARM_URL").value = "http://charm-0.charm:8083"), "Deployment console: RINGWAY_CHARM_URL leaves out charm-1"],
    ["pods' names without a headless Service", (list) => (service("charm", list).spec.clusterIP = "10.96.0.9"), "StatefulSet charm: there is no headless Service charm"],
  ])("are refused with %s", (_, spoil, fault) => {
    const list = structuredClone(all);
    spoil(list);
    expect(faults(list, secrets)).toContain(fault);
  });

  test("are named in the kustomization, every file and every image, of this version", async () => {
    const { namespace, resources, images } = (await document(`${folder}/kustomization.yaml`)) as unknown as { namespace: string; resources: string[]; images: { name: string; newTag: string }[] };
    expect([...resources].sort()).toEqual(await files());
    expect(namespace).toBe(all.find(({ kind }) => kind === "Namespace")!.metadata.name);
    const used = new Set(all.filter(isWorkload).map((each) => containerOf(each).image));
    expect(new Set(images.map(({ name, newTag }) => `${name}:${newTag}`))).toEqual(used);
    expect([...used].sort()).toEqual([`ringway/envoy:${version}`, `ringway/services:${version}`]);
  });
});

/** What the downward API tells a pod. */
const pod = (name: string): Readonly<Record<string, string>> => ({ "metadata.name": name, "status.podIP": "10.1.2.3", "status.hostIP": "10.0.0.1", "metadata.labels['topology.kubernetes.io/zone']": "europe-west1-b" });
const samples: Readonly<Record<string, string>> = { "ring-key": DEV_KEY, "store-url": "postgres://ringway:sekret@db:5432/ringway", "consul-token": "", "operator-token": "an-operators-token-of-32-letters" };

/** A container's environment, the files that it names in `scratch`. */
function environmentOf({ env }: Container, fields: Readonly<Record<string, string>>): Record<string, string> {
  const known: Record<string, string> = {};
  for (const { name, value, valueFrom } of env) {
    known[name] = valueFrom === undefined ? expand(value ?? "", known).replace("/run/secrets/ringway", scratch) : fields[valueFrom.fieldRef.fieldPath]!;
  }
  return known;
}
const expand = (text: string, known: Readonly<Record<string, string>>): string => text.replace(/\$\((\w+)\)/g, (_, name: string) => known[name]!);

describe("the services", () => {
  const readers: Readonly<Record<string, (argv: readonly string[]) => object>> = { channel: readChannel, charm: readCharm, console: readConsole, gateway: readGateway, presence: readPresence, webapp: readWebapp };
  const own = all.filter(isWorkload).filter((each) => containerOf(each).image.startsWith("ringway/services:"));

  /** As the entry point gets them. */
  function configOf(container: Container, name: string): object {
    const env = environmentOf(container, pod(name));
    const [verb, ...argv] = container.args!.map((arg) => expand(arg, env));
    const before = { ...process.env };
    Object.assign(process.env, env);
    try {
      return readers[verb!]!(argv);
    } finally {
      for (const variable of Object.keys(env)) delete process.env[variable];
      Object.assign(process.env, before);
    }
  }

  beforeAll(() => Promise.all(Object.entries(samples).map(([file, text]) => writeFile(join(scratch, file), `${text}\n`))));

  test.each(own.map((each) => [each.metadata.name, each] as const))("%s takes its flags, secrets and all", (name, each) => {
    const container = containerOf(each);
    const config = configOf(container, `${name}-5d8f9c7b4-x2x4z`);
    const expected = { listen: expect.stringMatching(new RegExp(`^(0\\.0\\.0\\.0|10\\.1\\.2\\.3):${container.ports[0]!.containerPort}$`)) };
    expect(config).toMatchObject(expected);
    if ("ringKey" in config) expect(config.ringKey).toBe(DEV_KEY);
    if ("registryUrl" in config) expect(config.registryUrl).toBe("http://10.0.0.1:8500");
    if ("store" in config) expect(config.store).toBe(samples["store-url"]);
    if ("operatorToken" in config) expect((config.operatorToken as Secret).current()).toBe(samples["operator-token"]);
    if ("registryToken" in config) expect([(config.registryToken as Secret).file, (config.registryToken as Secret).current()]).toEqual([join(scratch, "consul-token"), ""]);
    if ("charmUrl" in config) expect(config.charmUrl).toBe("http://charm-0.charm:8083,http://charm-1.charm:8083");
    if ("zone" in config) expect(config.zone).toBe("europe-west1-b");
    if ("meshUrl" in config && name !== "channel" && name !== "presence") expect(config.meshUrl).toMatch(/^http:\/\/mesh(-[ab])?:8081$/);
  });

  test("refuse a flag that there is not, and a zone that the cluster does not tell", () => {
    const container = structuredClone(containerOf(workload("channel")));
    container.args!.push("--zones=a");
    expect(() => configOf(container, "channel-0")).toThrow("Unknown option '--zones'");
    container.args = ["channel", "--id=$(POD_NAME)", "--listen=$(POD_IP):8090", "--zone="];
    expect(() => configOf(container, "channel-0")).toThrow("--zone: '' is not valid");
  });
});

describe("the hooks", () => {
  const log = createLog("charm", "test", "silent");
  const nobody = "127.0.0.1:1";
  const charms: Running[] = [];
  const servers: Registered[] = [];

  /** The first one is the registry, and leads; the others stand by. */
  async function anotherCharm(): Promise<void> {
    const [first] = charms;
    const registry = first === undefined ? ["--data", join(scratch, "charm")] : ["--registry-url", `http://${first.address}`];
    charms.push(await startCharm(readCharm(["--listen", "127.0.0.1:0", "--ring-key", DEV_KEY, "--settle-ms", "100", "--linger-ms", "200", "--boot-grace-ms", "1500", "--warm-within-ms", "100", ...registry]), log));
  }
  function register(pool: string, id: string, port: number): void {
    const registration = { service: `ringway-${pool}`, id, addr: `127.0.0.1:${port}`, meta: { zone: "a", weight: "100" }, ttlMs: 5_000 };
    servers.push(keepRegistered({ registry: connectRegistry(`http://${charms[0]!.address}`), registration, passEveryMs: 500, clock: systemClock, log }));
  }
  const states = async (): Promise<Readonly<Record<string, string>>> => {
    const { pools } = (await ask(`http://${charms[0]!.address}/v1/charm/topology`)).json as Topology;
    return Object.fromEntries(Object.values(pools).flatMap((pool) => pool.servers.map(({ id, state }) => [id, state])));
  };
  /** The command as the kubelet runs it in the container. @param places where charm-0 and charm-1 are */
  const exec = (command: readonly string[], container: Container, id: string, places: readonly string[]): Promise<{ code: number; output: string }> =>
    new Promise((resolve) => {
      const own = environmentOf(container, pod(id));
      const env = { ...process.env, ...own, RINGWAY_CHARM_URL: own["RINGWAY_CHARM_URL"]!.replace(/charm-(\d)\.charm:8083/g, (_, n: string) => places[Number(n)]!) };
      execFile(command[0]!, command.slice(1), { env, cwd: root }, (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }));
    });

  beforeAll(async () => {
    await anotherCharm();
    await anotherCharm();
    for (const [i, pool] of ["channel", "presence"].entries()) for (const n of [0, 1]) register(pool, `${pool}-${n}`, 7_900 + 2 * i + n);
    await until("the ring", async () => Object.keys(await states()).length === 4);
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    for (const charm of charms.reverse()) await charm.stop();
  });

  test.each<[string, string, (leads: string, other: string) => string[]]>([
    ["channel", "charm-0 leads", (leads, other) => [leads, other]],
    ["channel", "charm-0 does not lead", (leads, other) => [other, leads]],
    ["presence", "charm-0 is away", (leads) => [nobody, leads]],
    ["presence", "the one that leads is out of reach", (_, other) => [nobody, other]],
  ])("a %s server is drained before it is stopped and taken back when it has started, also where %s", async (name, _, places) => {
    const container = containerOf(workload(name));
    const [id, asked] = [`${name}-1`, places(charms[0]!.address, charms[1]!.address)];
    expect(await exec(container.lifecycle.preStop.exec!.command, container, id, asked)).toMatchObject({ code: 0 });
    expect(await states()).toMatchObject({ [id]: "draining" });
    expect(await exec(container.startupProbe!.exec!.command, container, id, asked)).toMatchObject({ code: 0 });
    await until("its return", async () => (await states())[id] === "up");
  });

  test("a server that is not in the registry yet has not started, and a charm that is away ends no hook late", async () => {
    const container = containerOf(workload("channel"));
    const probe = container.startupProbe!.exec!.command;
    expect(await exec(probe, container, "channel-9", charms.map(({ address }) => address))).toMatchObject({ code: 2, output: expect.stringContaining("not_found") as string });
    expect(await exec(container.lifecycle.preStop.exec!.command, container, "channel-0", [nobody, nobody])).toMatchObject({ code: 2, output: expect.stringContaining("does not answer") as string });
  });

  test("a gateway's are the same as a channel server's, but for the time", () => {
    const [gateway, channel] = [containerOf(workload("gateway-a")), containerOf(workload("channel"))];
    expect(gateway.startupProbe).toEqual(channel.startupProbe);
    expect(containerOf(workload("gateway-b")).lifecycle).toEqual(gateway.lifecycle);
    expect(gateway.lifecycle.preStop.exec!.command.at(-1)!.replace(/timeout \d+/, "timeout")).toBe(channel.lifecycle.preStop.exec!.command.at(-1)!.replace(/timeout \d+/, "timeout"));
  });
});
