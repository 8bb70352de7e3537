import { TOPOLOGY_KEY, type Topology } from "../protocol/topology.ts";
import { connectRegistry } from "../registry/consul.ts";
import { registerServer } from "../registry/server.ts";
import { validateTopology } from "../ring/topology.ts";
import { builtAt, readPage } from "../runtime/built-page.ts";
import { systemClock } from "../runtime/clock.ts";
import type { Running } from "../runtime/lifecycle.ts";
import type { Log } from "../runtime/log.ts";
import { startTracer } from "../runtime/tracing.ts";
import type { Directory } from "../store/directory.ts";
import { openDirectory } from "../store/open.ts";
import { demoUsers } from "./chat-page.ts";
import type { Config } from "./config.ts";
import { devTokenHashes, seedDev } from "./dev.ts";
import { createDoor } from "./door.ts";
import { Membership } from "./membership.ts";
import { connectMesh } from "./mesh.ts";
import type { House } from "./method.ts";
import { renderPage } from "./page.ts";
import { keepSettling } from "./settler.ts";
import { webappMetrics } from "./metrics.ts";
import { Tickets } from "./tickets.ts";
import { RateLimits } from "./rate-limits.ts";
import { createWebApi } from "./web-api.ts";

/** Running calls get this long to end when the process stops: a publish is tried for 5 s. */
const stopGraceMs = 6_000;

/** How long the farewell waits for a registry that does not answer, ms: more would use up the time that a stop has. */
const deregisterWithinMs = 1_000;

/** @param directory already open; default: the one that `--store` and `--data` name */
export async function start(config: Config, log: Log, directory: Directory = openDirectory(config, log)): Promise<Running> {
  try {
    return await serve(config, log, directory);
  } catch (error) {
    await directory.close();
    throw error;
  }
}

async function serve(config: Config, log: Log, directory: Directory): Promise<Running> {
  const chat = config.chat ? await readPage(builtAt("chat")) : undefined;
  if (config.dev) await seedDev(directory, systemClock.now());
  const house = build(config, directory);
  const webApi = createWebApi(house, config.dev ? devTokenHashes() : new Map(), new RateLimits(config, () => performance.now()), log);
  let ready = false;
  const startedAt = systemClock.now();
  const tracer = await startTracer("webapp", config.id, log);
  const server = createDoor({
    house,
    webApi,
    log,
    tracer,
    isReady: () => ready,
    status: () => ({ service: "webapp", id: config.id, dev: config.dev, ready, uptime_ms: systemClock.now() - startedAt, ...webApi.counters }),
    metrics: webappMetrics(webApi),
    page: async (url) => renderPage({ url, dev: config.dev, topology: await readTopology(config) }),
    chat,
    demo: demoUsers(config.dev && config.chat),
  });
  const address = await listen(server, config.listen);
  const registration = registerServer(connectRegistry(config.registryUrl, { token: config.registryToken }), "ringway-webapp", config, address, systemClock, log);
  void registration.registered.then(() => (ready = true));
  const settling = keepSettling(directory, house.membership, systemClock, log);
  if (config.dev) log.warn("development mode: everybody knows the tokens");
  return {
    address,
    failed: registration.failed,
    async stop() {
      ready = false;
      settling.stop();
      await Promise.race([registration.stop(), systemClock.sleep(deregisterWithinMs)]);
      await close(server);
      await directory.close();
      await tracer?.stop();
    },
  };
}

function build(config: Config, directory: Directory): House {
  const team = { id: config.teamId, name: config.teamName, domain: config.teamDomain };
  const mesh = connectMesh(config.meshUrl, systemClock);
  return {
    directory,
    mesh,
    team,
    clock: systemClock,
    membership: new Membership(directory, mesh, team, systemClock),
    tickets: new Tickets(directory, team, systemClock, config.ticketTtlMs),
  };
}

/** The ring for the status page; undefined where the registry is away, or something else answers at its address. */
async function readTopology({ registryUrl, registryToken: token }: Config): Promise<Topology | undefined> {
  try {
    const { entry } = await connectRegistry(registryUrl, { token, timeoutMs: 500 }).get(TOPOLOGY_KEY);
    return entry === undefined ? undefined : validateTopology(JSON.parse(Buffer.from(entry.value).toString("utf8")));
  } catch {
    return undefined;
  }
}

type HttpServer = ReturnType<typeof createDoor>;

function listen(server: HttpServer, address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const colon = address.lastIndexOf(":");
    server.once("error", reject);
    server.listen(Number(address.slice(colon + 1)), address.slice(0, colon), () => {
      server.removeListener("error", reject);
      const bound = server.address();
      resolve(typeof bound === "object" && bound !== null ? `${bound.address}:${bound.port}` : address);
    });
  });
}

function close(server: HttpServer): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), stopGraceMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
