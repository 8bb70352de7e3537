/**
 * All of Ringway: charm, webapp, one channel server, one presence server, one gateway and the shipped Envoy, all on core 0. Users and channels
 * are in lmdb, where the bench puts them; messages are kept in memory, as the others keep none.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig } from "../../../../services/launch/config.ts";
import { envoyConfig, oneOfEach } from "../../../../services/launch/envoy-config.ts";
import { serviceSpecs } from "../../../../services/launch/plane.ts";
import { planPorts } from "../../../../services/launch/ports.ts";
import { DEV_KEY } from "../../../../services/ring/key.ts";
import type { Directory } from "../../../../services/store/directory.ts";
import { openLmdbDirectory } from "../../../../services/store/lmdb-directory.ts";
import { issueToken } from "../../../../services/webapp/tokens.ts";
import { freePorts } from "../../../e2e/ports.ts";
import { inParallel } from "../../../e2e/wait.ts";
import { envoyBinary } from "../../../filter/envoy.ts";
import type { Workspace } from "../load/drivers/ringway-plane.ts";
import { fileHere, ServerProcess } from "../server-process.ts";
import { channelName, type Shape } from "../shape.ts";
import type { Started, System } from "../system.ts";

const host = "127.0.0.1";
const ok = async (url: string): Promise<boolean> => (await fetch(url, { signal: AbortSignal.timeout(1_000) })).ok;

/** Puts users and channels where webapp finds them: a user per group, who is alone in the group's channels. */
class People {
  readonly #directory: Directory;
  readonly #api: string;
  #cells = 0;
  #channels = 0;

  constructor(directory: Directory, api: string) {
    this.#directory = directory;
    this.#api = api;
  }

  async provide({ groups, channelsPerGroup }: Shape): Promise<Workspace> {
    const cell = ++this.#cells;
    const firstChannel = this.#channels;
    this.#channels += groups * channelsPerGroup;
    const tokens: string[] = [];
    const now = Date.now();
    const made: { readonly channel: number; readonly user: string }[] = [];
    for (let group = 0; group < groups; group++) {
      const { token, user } = await issueToken(this.#directory, { name: `bench-${cell}-${group}` }, now);
      tokens.push(token);
      for (let i = 0; i < channelsPerGroup; i++) made.push({ channel: firstChannel + group * channelsPerGroup + i, user: user.id });
    }
    await inParallel(256, made, async ({ channel, user }) => {
      await this.#directory.createChannel({ id: channelName(channel), name: `bench-${channel}`, type: "channel", creator: user, createdAt: now, topic: "", purpose: "" }, [user]);
    });
    return { api: this.#api, tokens, firstChannel };
  }
}

/** One user publishes more here than people do. */
const noLimits = { RINGWAY_USER_MESSAGES_PER_SECOND: "0", RINGWAY_CHANNEL_MESSAGES_PER_SECOND: "0" };

/** @param patch what becomes of the shipped Envoy's configuration, as JSON */
async function start(isThroughEdge: boolean, patch: (config: string) => string): Promise<Started> {
  const data = await mkdtemp(join(tmpdir(), "ringway-bench-"));
  const config = readConfig(["--data", data, "--store", "lmdb", "--channels", "1", "--gateways", "1", "--presences", "1", "--log-level", "error"]);
  const ports = planPorts(await freePorts(20), config);
  const servers: ServerProcess[] = [];
  let directory: Directory | undefined;
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
    await directory?.close();
    await rm(data, { recursive: true, force: true });
  };
  try {
    await mkdir(join(data, "store"), { recursive: true });
    directory = openLmdbDirectory(join(data, "store"));
    const envoyFile = join(data, "envoy.json");
    const shipped = await envoyConfig(fileHere("../../../envoy/envoy.yaml"), { host, ports, upstreams: oneOfEach(ports, () => host), wasmFile: fileHere("../../../build/filter.wasm"), ringKey: DEV_KEY, zone: "local" });
    await writeFile(envoyFile, patch(shipped));
    for (const { name, role, args, env, address } of serviceSpecs(config, ports, data, DEV_KEY)) {
      const server = ServerProcess.node(role, args, { ...env, ...noLimits, ...(role === "channel" ? { RINGWAY_STORE: "memory" } : {}) });
      servers.push(server);
      if (name === "charm") await server.until(() => ok(`http://${address}/readyz`));
    }
    const envoy = ServerProcess.command("envoy", await envoyBinary(), ["-c", envoyFile, "--disable-hot-restart", "--concurrency", "1", "--log-level", "error"]);
    servers.push(envoy);
    const [mesh, edge, charm] = [ports.mesh, ports.edge, ports.charm].map((port) => `http://${host}:${port}`) as [string, string, string];
    const status = async (): Promise<{ rebalance?: unknown }> => (await fetch(`${charm}/v1/charm/status`)).json() as Promise<{ rebalance?: unknown }>;
    for (const holds of [
      () => ok(`http://${host}:${ports.gateway[0]}/readyz`),
      () => ok(`${edge}/api/api.test`),
      async () => (await status()).rebalance === null,
      () => ok(`${mesh}/v1/channels/C0GENERAL`),
      () => ok(`${mesh}/v1/presence/users/U0ADA`),
    ]) await envoy.until(holds);
    const people = new People(directory, isThroughEdge ? edge : `http://${host}:${ports.webapp}`);
    return { parts: servers, target: { host, port: isThroughEdge ? ports.edge : ports.gateway[0]! }, provide: (shape) => people.provide(shape), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const plane = (name: string, isThroughEdge: boolean, patch = (config: string): string => config): System => ({ name, driver: "ringway-plane", usesEnvoy: true, start: () => start(isThroughEdge, patch) });
const variant = (name: string, patch: (config: string) => string): System => ({ ...plane(`ringway-envoy-${name}`, true, patch), isVariant: true });

/** Clients go straight to the gateway and to webapp. Between the services stays Envoy's mesh listener, without which they don't find each other; its part is told apart. */
export const ringwayPlane = plane("ringway-plane", false);
/** Clients come through the edge listener, as they do. */
export const ringwayEnvoy = plane("ringway-envoy", true);
/** The same with other settings of its Envoy, which is how the shipped ones were chosen: the buffers of a socket (default: 1 MiB), and no idle timer for sockets. */
export const envoyVariants: readonly System[] = [
  ...[16, 1_024].map((kiB) => variant(`${kiB}k`, (config) => config.replaceAll(/("per_connection_buffer_limit_bytes": )\d+/g, `$1${kiB * 1_024}`))),
  variant("no-timer", (config) => config.replace(/("timeout": "0s",\s+"idle_timeout": )"300s"/, '$1"0s"')),
];
