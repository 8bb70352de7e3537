/** The gateway's sockets, timers and requests: runs the effects of state.ts and tells it what happens. */
import { randomBytes } from "node:crypto";
import { closeCodes } from "../protocol/client.ts";
import { isId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import { ProtocolError } from "../protocol/problems.ts";
import { connectRegistry } from "../registry/consul.ts";
import { kvReader, registerServer } from "../registry/server.ts";
import { followTopology } from "../ring/follow.ts";
import { loadRingModule } from "../ring/ring.ts";
import { systemClock } from "../runtime/clock.ts";
import { drive } from "../runtime/drive.ts";
import { createHttp } from "../runtime/http.ts";
import type { Running } from "../runtime/lifecycle.ts";
import type { Log } from "../runtime/log.ts";
import { memoryCeiling, memoryUse } from "../runtime/memory.ts";
import { acceptSockets, type Attach, type SocketEvents } from "../runtime/socket.ts";
import { traceParent } from "../runtime/trace.ts";
import { startTracer } from "../runtime/tracing.ts";
import type { Config } from "./config.ts";
import type { Effect, Event, SessionId } from "./events.ts";
import { FanOut } from "./fan-out.ts";
import { LinkSockets } from "./link-sockets.ts";
import { gatewayMetrics } from "./metrics.ts";
import { Gateway } from "./state.ts";
import { Traces } from "./traces.ts";
import { listChannels, redeem } from "./webapp.ts";

/** How long `stop` waits for the last Close frames, beyond --drain-ms. */
const closeGraceMs = 1_000;

/** How often the memory is measured. */
const measureMs = 250;

/** How long the goodbyes wait for a registry that does not answer. */
const deregisterWithinMs = 1_000;

interface Upgrade {
  accept(): void;
  refuse(error: ProtocolError): void;
}

/** Serves until `stop`, which says goodbye to every client first. */
export async function start(config: Config, log: Log): Promise<Running> {
  const module = await loadRingModule(config.ringKey);
  const tracer = await startTracer("gateway", config.id, log);
  const traces = tracer === undefined ? undefined : new Traces(tracer, config.id);
  const state = new Gateway(config);
  const upgrades = new Map<SessionId, Upgrade>();
  let drained!: () => void;
  const whenDrained = new Promise<void>((resolve) => (drained = resolve));

  const tell = (event: Event): void => driven.tell(event);
  const clients = new FanOut(config, (session) => tell({ type: "overflow", session }));
  const links = new LinkSockets(
    config.meshUrl,
    {
      opened: (conn) => tell({ type: "linkOpened", conn }),
      frames: (conn, frames) => {
        traces?.acked(frames);
        tell({ type: "linkFrames", conn, frames });
      },
      closed: (conn) => tell({ type: "linkClosed", conn }),
    },
    log,
  );

  const attach = (session: SessionId, traceparent: string): Attach => (socket): SocketEvents => {
    clients.add(session, socket);
    traces?.opened(session, traceparent);
    tell({ type: "opened", session });
    return {
      text: (text) => tell({ type: "text", session, text }),
      binary: () => tell({ type: "binary", session }),
      alive: () => tell({ type: "alive", session }),
      closed: () => {
        clients.remove(session);
        traces?.closed(session);
        tell({ type: "closed", session });
      },
    };
  };

  const run = (effect: Effect): void => {
    switch (effect.type) {
      case "deliver":
        return clients.deliver(effect.to, effect.events, effect.transient);
      case "send":
        return clients.send(effect.session, effect.text);
      case "link":
        return links.send(effect.conn, traces !== undefined && effect.frame.type === "publish" ? traces.publish(effect.frame) : effect.frame);
      case "traced":
        return traces?.delivered(effect);
      case "unpublished":
        return traces?.refused(effect);
      case "replay": {
        const { session, channel } = effect;
        return clients.replay(session, effect.payloads, () => tell({ type: "replayed", session, channel }));
      }
      case "redeem": {
        const { session } = effect;
        return void redeem(config.meshUrl, effect.ticket).then((ticketed) =>
          tell(typeof ticketed === "number" ? { type: "unredeemed", session, status: ticketed } : { type: "redeemed", session, ticketed }),
        );
      }
      case "accept":
        upgrades.get(effect.session)?.accept();
        return void upgrades.delete(effect.session);
      case "refuse":
        upgrades.get(effect.session)?.refuse(new ProtocolError(effect.reason, effect.detail === "" ? undefined : effect.detail));
        return void upgrades.delete(effect.session);
      case "list": {
        const { session } = effect;
        return void listChannels(config.meshUrl, effect.user).then((channels) => tell(channels === undefined ? { type: "unlisted", session } : { type: "listed", session, channels }));
      }
      case "ping":
        for (const session of effect.sessions) clients.get(session)?.ping();
        return;
      case "close":
        clients.close(effect.session, closeCodes[effect.reason], effect.reason);
        if (effect.now === true || effect.reason === "silent") clients.get(effect.session)?.destroy();
        return;
      case "weigh":
        return tell({ type: "weighed", queues: effect.sessions.map((session) => [session, clients.queuedBytes(session)]) });
      case "connect":
        return links.connect(effect.conn, effect.pool, effect.server);
      case "disconnect":
        return links.disconnect(effect.conn);
      case "hurry":
        return log.warn({ sessions: effect.sessions, withinMs: effect.withinMs }, "stopping with more clients than --reconnects-per-second allows in --drain-ms; drain first");
      case "drained":
        return drained();
    }
  };
  const driven = drive<Event, Effect>(state, run);
  const ceilingBytes = memoryCeiling(config.memoryMib);
  const measuring = setInterval(() => tell({ type: "pressure", ...memoryUse(ceilingBytes) }), measureMs);

  let registered = false;
  const http = createHttp(
    {
      "GET /livez": () => ({ status: 200, body: { ok: true } }),
      "GET /readyz": () => ({ status: registered && state.ready ? 200 : 503, body: { registered, topology: follower.view !== undefined } }),
      "GET /v1/status": () => ({ status: 200, body: { id: config.id, sockets: clients.size, fanOut: clients.counters, topology: follower.counters, ...state.status() } }),
      "GET /metrics": (request) => metrics.answer(request),
      "GET /v1/subscribers/{channel}": ({ params }) => {
        const channel = params["channel"]!;
        if (!isId(channel)) throw new ProtocolError("bad_id", "the channel's ID");
        return { status: 200, body: { gateway: config.id, channel, ...state.subscribers(channel) } };
      },
    },
    log,
  );
  acceptSockets(http.server, limits.clientFrameBytes, ({ path, headers }) => {
    const ticket = /^\/ws\/([^/]+)$/.exec(path)?.[1];
    if (ticket === undefined) throw new ProtocolError("not_found", "clients connect to the URL that rtm.connect gives");
    const session = randomBytes(6).readUIntBE(0, 6) + 1;
    return new Promise<Attach>((accept, refuse) => {
      upgrades.set(session, { accept: () => accept(attach(session, traceParent(headers))), refuse });
      tell({ type: "upgrade", session, ticket });
    });
  }, config.deflateBytes > 0);
  const registry = connectRegistry(config.registryUrl, { token: config.registryToken });
  const follower = followTopology({
    kvGet: kvReader(registry),
    module,
    onView: (ring) => tell({ type: "topology", ring }),
    onError: (error) => log.warn({ err: error }, "topology not taken"),
    onUnconfirmed: (error) => log.error({ err: error }, "the topology in use has other tables here than at charm: is this another build?"),
  });
  const metrics = gatewayMetrics(state, clients, follower.counters);
  let address: string;
  try {
    address = await http.listen(config.listen);
  } catch (error) {
    clearInterval(measuring);
    await follower.stop();
    throw error;
  }
  const registration = registerServer(registry, "ringway-gateway", config, address, systemClock, log);
  void registration.registered.then(() => (registered = true));

  return {
    address,
    failed: registration.failed,
    async stop() {
      // Out of the ring first, so that clients who come back are sent elsewhere; until all Envoys know, they are refused with 421.
      const deregistered = registration.stop();
      await Promise.race([deregistered, systemClock.sleep(deregisterWithinMs)]);
      registered = false;
      tell({ type: "stop" });
      await Promise.race([whenDrained, systemClock.sleep(config.drainMs + closeGraceMs)]);
      const deadline = Date.now() + closeGraceMs;
      while (clients.size > 0 && Date.now() < deadline) await systemClock.sleep(10);
      for (const socket of clients.all()) socket.destroy();
      clearInterval(measuring);
      await follower.stop();
      await http.close();
      driven.stop();
      await tracer?.stop();
    },
  };
}
