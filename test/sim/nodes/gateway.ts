/** A gateway: runs the effects of its real state as services/gateway/server.ts does. */
import type { Effect, Event, SessionId } from "../../../services/gateway/events.ts";
import { Gateway } from "../../../services/gateway/state.ts";
import type { LinkFrame } from "../../../services/protocol/link.ts";
import type { Session } from "../../../services/protocol/mesh.ts";
import type { Side } from "../connection.ts";
import { upgraded, type ClientMessage, type Door, type LinkMessage } from "../door.ts";
import type { Dial } from "../envoy.ts";
import type { Process, Timer } from "../process.ts";
import { describeLink } from "../story.ts";
import type { World } from "../world.ts";
import { follow, keepRegistered, type Registration } from "./follow.ts";

/** The gateway's own defaults (services/gateway/config.ts). */
const options = {
  maxSessions: 20_000,
  heartbeatMs: 20_000,
  helloWithinMs: 3_000,
  leaveWithinMs: 30_000,
  drainMs: 2_000,
  publishWithinMs: 10_000,
  userMessagesPerSecond: 200,
  userTypingPerSecond: 50,
  burstSeconds: 10,
  linkPingMs: 1_000,
  linkSilenceMs: 3_000,
};
const closeGraceMs = 1_000;
const redeemMs = 5_000;
const listMs = 2_000;

interface Upgrade {
  accept(): Side<ClientMessage>;
  refuse(status: number): void;
}
interface Conn {
  readonly dial: Dial;
  side: Side<LinkMessage> | undefined;
  outbox: LinkFrame[];
}

export class GatewayServer implements Door {
  readonly id: string;
  readonly process: Process;
  readonly state: Gateway;
  readonly #world: World;
  readonly #addr: string;
  readonly #deregister: (done: () => void) => void;
  readonly #upgrades = new Map<SessionId, Upgrade>();
  readonly #clients = new Map<SessionId, Side<ClientMessage>>();
  readonly #conns = new Map<number, Conn>();
  readonly #queue: Event[] = [];
  #stepping = false;
  #timer: Timer | undefined;
  #wakeAt = Infinity;
  #onDrained: (() => void) | undefined;
  /** it keeps to no rate then */
  #stopping = false;

  constructor(world: World, process: Process, registration: Registration) {
    this.#world = world;
    this.process = process;
    this.id = registration.id;
    this.#addr = registration.addr;
    this.state = new Gateway({ id: this.id, ...options, ...world.window, reconnectsPerSecond: world.reconnectsPerSecond });
    world.doors.set(registration.addr, this);
    process.onDeath(() => this.#close());
    follow(world, process, (ring) => this.#tell({ type: "topology", ring }));
    this.#deregister = keepRegistered(world, process, registration);
  }

  upgrade(ticket: string, accept: () => Side<ClientMessage>, refuse: (status: number) => void): void {
    const session = 1 + this.#world.ids.below(2 ** 40);
    this.#upgrades.set(session, { accept, refuse });
    this.#tell({ type: "upgrade", session, ticket });
  }

  /** SIGTERM. @param done the process has ended */
  stop(done: () => void): void {
    let ended = false;
    const end = (): void => {
      if (ended) return;
      ended = true;
      for (const side of this.#clients.values()) side.close();
      done();
    };
    this.#deregister(() => {
      this.#onDrained = () => this.process.after(closeGraceMs, end);
      this.#stopping = true;
      this.#tell({ type: "stop" });
      this.process.after(options.drainMs + 2 * closeGraceMs, end);
    });
  }

  #close(): void {
    if (this.#world.doors.get(this.#addr) === this) this.#world.doors.delete(this.#addr);
  }

  #now(): number {
    return this.#world.steadyClock(this.id);
  }

  #tell(event: Event): void {
    this.#queue.push(event);
    if (this.#stepping) return;
    this.#stepping = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) for (const effect of this.state.step(next, this.#now())) this.#run(effect);
    this.#stepping = false;
    for (const conn of this.#conns.values()) this.#flush(conn);
    this.#arm();
  }

  #arm(): void {
    const at = this.state.wakeAt() ?? Infinity;
    if (at >= this.#wakeAt && this.#timer?.run !== undefined) return;
    if (this.#timer !== undefined) this.#timer.run = undefined;
    this.#timer = undefined;
    this.#wakeAt = at;
    if (at === Infinity) return;
    this.#timer = this.process.after(Math.max(0, at - this.#now()), () => {
      this.#timer = undefined;
      this.#tell({ type: "tick" });
    });
  }

  #flush(conn: Conn): void {
    if (conn.side !== undefined && conn.outbox.length > 0) conn.side.send(conn.outbox.splice(0));
  }

  #told(session: SessionId, goodbye: string): void {
    const { kernel, farewells } = this.#world;
    farewells.told({ session, gateway: this.id, at: kernel.now + (JSON.parse(goodbye) as { readonly x_delay_ms: number }).x_delay_ms });
  }

  #attach(session: SessionId, side: Side<ClientMessage>): void {
    this.#clients.set(session, side);
    side.handlers = {
      data: (message) => {
        if (typeof message === "object" && "text" in message) this.#tell({ type: "text", session, text: message.text });
        this.#tell({ type: "alive", session });
      },
      closed: () => {
        this.#clients.delete(session);
        this.#tell({ type: "closed", session });
      },
    };
    this.#tell({ type: "opened", session });
  }

  #run(effect: Effect): void {
    const { envoy, trace } = this.#world;
    const { id, process } = this;
    switch (effect.type) {
      case "deliver":
        for (const { payload, origin } of effect.events) {
          for (const session of effect.to) if (session !== origin) this.#clients.get(session)?.send({ payload });
        }
        return;
      case "send":
        if (!this.#stopping && effect.text.startsWith('{"type":"goodbye"')) this.#told(effect.session, effect.text);
        return this.#clients.get(effect.session)?.send({ text: effect.text });
      case "replay": {
        const { session, channel, payloads } = effect;
        const side = this.#clients.get(session);
        if (side === undefined) return;
        for (const payload of payloads) side.send({ payload });
        return void process.after(0.1, () => this.#tell({ type: "replayed", session, channel }));
      }
      case "link": {
        const conn = this.#conns.get(effect.conn);
        if (conn === undefined) return;
        conn.outbox.push(effect.frame);
        return trace.line(() => describeLink(id, conn.side?.peer.process.name ?? "?", effect.frame));
      }
      case "redeem": {
        const { session, ticket } = effect;
        return envoy.api<Session>(process, "whose ticket is this?", redeemMs, (webapp, reply) => webapp.redeem(ticket, reply), ({ status, value }) =>
          this.#tell(status === 200 && value !== undefined ? { type: "redeemed", session, ticketed: value } : { type: "unredeemed", session, status }),
        );
      }
      case "accept": {
        const upgrade = this.#upgrades.get(effect.session);
        this.#upgrades.delete(effect.session);
        return upgrade === undefined ? undefined : this.#attach(effect.session, upgrade.accept());
      }
      case "refuse": {
        this.#upgrades.get(effect.session)?.refuse(statusOf(effect.reason));
        return void this.#upgrades.delete(effect.session);
      }
      case "list": {
        const { session, user } = effect;
        return envoy.api<readonly string[]>(process, `the channels of ${user}`, listMs, (webapp, reply) => webapp.channelsOf(user, reply), ({ status, value }) =>
          this.#tell(status === 200 && value !== undefined ? { type: "listed", session, channels: value } : { type: "unlisted", session }),
        );
      }
      case "ping":
        for (const session of effect.sessions) this.#clients.get(session)?.send({ ping: true });
        return;
      case "close": {
        const side = this.#clients.get(effect.session);
        side?.send({ close: effect.reason });
        side?.close();
        return void this.#clients.delete(effect.session);
      }
      case "connect": {
        const { conn: number, pool, server } = effect;
        const over = (): void => {
          if (this.#conns.delete(number)) this.#tell({ type: "linkClosed", conn: number });
        };
        const opened = (side: Side<LinkMessage>): void => {
          conn.side = side;
          side.handlers = { data: (message) => message !== upgraded && this.#tell({ type: "linkFrames", conn: number, frames: message }), closed: over };
          this.#tell({ type: "linkOpened", conn: number });
        };
        const conn: Conn = { dial: envoy.link(process, pool, server, opened, over), side: undefined, outbox: [] };
        return void this.#conns.set(number, conn);
      }
      case "disconnect": {
        const conn = this.#conns.get(effect.conn);
        if (conn === undefined) return;
        this.#flush(conn);
        conn.dial.cancel();
        conn.side?.close();
        return void this.#conns.delete(effect.conn);
      }
      case "weigh":
      case "hurry":
      case "traced": // nobody does
      case "unpublished":
        return;
      case "drained":
        return this.#onDrained?.();
      default:
        return effect satisfies never;
    }
  }
}

function statusOf(reason: string): number {
  if (reason === "misdirected") return 421;
  return reason === "bad_ticket" ? 401 : 503;
}
