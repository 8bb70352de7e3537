/** A presence server's sockets and timers: runs the effects of state.ts and tells it what happens. */
import { isId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import type { PresenceInfo } from "../protocol/mesh.ts";
import { ProtocolError } from "../protocol/problems.ts";
import { connectRegistry } from "../registry/consul.ts";
import { kvReader, registerServer } from "../registry/server.ts";
import { followTopology } from "../ring/follow.ts";
import { loadRingModule } from "../ring/ring.ts";
import { systemClock } from "../runtime/clock.ts";
import { drive } from "../runtime/drive.ts";
import { createHttp, type Request } from "../runtime/http.ts";
import type { Running } from "../runtime/lifecycle.ts";
import type { Log } from "../runtime/log.ts";
import { acceptSockets } from "../runtime/socket.ts";
import type { Config } from "./config.ts";
import type { Effect, Event } from "./events.ts";
import { LinkDoors } from "./link-doors.ts";
import { presenceMetrics } from "./metrics.ts";
import { Presence } from "./state.ts";

/** How long the farewell waits for a registry that does not answer, ms: more would use up the time that a stop has. */
const deregisterWithinMs = 1_000;

interface Asker {
  resolve(info: PresenceInfo): void;
  reject(error: ProtocolError): void;
}

export async function start(config: Config, log: Log): Promise<Running> {
  const module = await loadRingModule(config.ringKey);
  const state = new Presence(config);
  const askers = new Map<number, Asker>();
  let lastReq = 0;

  const tell = (event: Event): void => driven.tell(event);
  const doors = new LinkDoors({
    opened: (link) => tell({ type: "linkOpened", link }),
    frames: (link, frames) => tell({ type: "linkFrames", link, frames }),
    closed: (link) => tell({ type: "linkClosed", link }),
  });

  const run = (effect: Effect): void => {
    switch (effect.type) {
      case "send":
        return doors.send(effect.link, effect.frame);
      case "close":
        log.info({ link: effect.link, detail: effect.detail }, "link closed");
        return doors.close(effect.link, effect.detail);
      case "answer":
        askers.get(effect.req)?.resolve(effect.info);
        return void askers.delete(effect.req);
      case "refuse":
        askers.get(effect.req)?.reject(new ProtocolError(effect.reason, effect.detail));
        return void askers.delete(effect.req);
    }
  };
  const driven = drive<Event, Effect>(state, run);

  const asking = (make: (req: number) => Event): Promise<PresenceInfo> =>
    new Promise((resolve, reject) => {
      const req = ++lastReq;
      askers.set(req, { resolve, reject });
      tell(make(req));
    });

  let registered = false;
  const http = createHttp(
    {
      "GET /livez": () => ({ status: 200, body: { ok: true } }),
      "GET /readyz": () => ({ status: registered && state.ready ? 200 : 503, body: { registered, topology: state.ready } }),
      "GET /v1/status": () => ({ status: 200, body: { id: config.id, topology: follower.counters, ...state.status() } }),
      "GET /metrics": (request) => metrics.answer(request),
      "GET /v1/presence/users/{id}": async (request) => {
        const user = userOf(request);
        return { status: 200, body: await asking((req) => ({ type: "get", req, user })) };
      },
      "PUT /v1/presence/users/{id}": async (request) => {
        const user = userOf(request);
        const { presence, at = systemClock.now() } = ((await request.json()) ?? {}) as { presence?: unknown; at?: unknown };
        if (presence !== "auto" && presence !== "away") throw new ProtocolError("bad_request", 'presence must be "auto" or "away"');
        if (!isVersion(at)) throw new ProtocolError("bad_request", "at must be a whole number of milliseconds");
        return { status: 200, body: await asking((req) => ({ type: "put", req, user, choice: { away: presence === "away", at } })) };
      },
    },
    log,
  );
  acceptSockets(http.server, limits.linkMessageBytes, ({ path }) => {
    const id = /^\/v1\/links\/presence\/([^/]+)$/.exec(path)?.[1];
    if (id === undefined) throw new ProtocolError("not_found", "gateways connect to /v1/links/presence/{serverId}");
    if (id !== config.id) throw new ProtocolError("misdirected", `this is ${config.id}`);
    return (socket) => doors.open(socket);
  });
  const registry = connectRegistry(config.registryUrl, { token: config.registryToken });
  const follower = followTopology({
    kvGet: kvReader(registry),
    module,
    onView: (ring) => tell({ type: "topology", ring }),
    onError: (error) => log.warn({ err: error }, "topology not taken"),
    onUnconfirmed: (error) => log.error({ err: error }, "the topology in use has other tables here than at charm: is this another build?"),
  });
  const metrics = presenceMetrics(state, follower.counters);
  let address: string;
  try {
    address = await http.listen(config.listen);
  } catch (error) {
    await follower.stop();
    throw error;
  }
  const registration = registerServer(registry, "ringway-presence", config, address, systemClock, log);
  void registration.registered.then(() => (registered = true));

  return {
    address,
    failed: registration.failed,
    async stop() {
      await Promise.race([registration.stop(), systemClock.sleep(deregisterWithinMs)]);
      registered = false;
      await follower.stop();
      doors.closeAll();
      for (const asker of askers.values()) asker.reject(new ProtocolError("unavailable"));
      askers.clear();
      await http.close();
      driven.stop();
    },
  };
}

function isVersion(at: unknown): at is number {
  return typeof at === "number" && Number.isSafeInteger(at) && at >= 0;
}

/** @throws ProtocolError bad_id */
function userOf(request: Request): string {
  const user = request.params["id"] ?? "";
  if (!isId(user)) throw new ProtocolError("bad_id");
  return user;
}
