/**
 * Envoy with the filter, as it was measured: picks by the ring it knows (later than others), among the endpoints it knows
 * (later still), and walks the preference list on refused, reset and 421, with a client's socket on 503, too. What it sends again may have been carried out.
 */
import { userOfTicket } from "../../services/protocol/ids.ts";
import { pools, type Pool } from "../../services/protocol/topology.ts";
import type { RingView } from "../../services/ring/ring.ts";
import type { Side } from "./connection.ts";
import { upgraded, type Answer, type ClientMessage, type Door, type LinkMessage, type Reply } from "./door.ts";
import { Process } from "./process.ts";
import type { LinkPool } from "../../services/gateway/events.ts";
import { follow } from "./nodes/follow.ts";
import type { World } from "./world.ts";
import type { Webapp } from "./nodes/webapp.ts";

const connectMs = 250;
const retriesMax = 3;
const routeMs = 15_000;
const pollMs = { least: 200, most: 400 };

/** A try that may be given up. */
export interface Dial {
  cancel(): void;
}

type Handle<T> = (door: Door, epoch: number, reply: Reply<T>) => void;

export class Envoy {
  readonly place = "envoy";
  /** share of the answers that are lost by a reset after the request was carried out */
  resets = 0;
  webapp: Webapp | undefined;
  readonly #world: World;
  #process: Process;
  #view: RingView | undefined;
  #endpoints: Readonly<Record<Pool, readonly string[]>> = { channel: [], presence: [], gateway: [] };

  constructor(world: World) {
    this.#world = world;
    this.#process = new Process(world.kernel, this.place);
  }

  get epoch(): number {
    return this.#view?.epoch ?? 0;
  }

  start(): void {
    follow(this.#world, this.#process, (view) => {
      if (view.epoch <= this.epoch) return;
      this.#view = view;
      this.#world.trace.line(() => `envoy  routes by topology ${view.epoch}`);
    });
    this.#poll(this.#process);
  }

  /** Every connection through it ends; it comes back knowing nothing. */
  restart(): void {
    this.#process.kill();
    for (const connection of [...this.#world.net.connections]) connection.break();
    this.#view = undefined;
    this.#endpoints = { channel: [], presence: [], gateway: [] };
    this.#process = new Process(this.#world.kernel, this.place);
    this.start();
  }

  /** A request to the owner of `id`. @param what as stories name it @param done status 0: no answer */
  route<T>(from: Process, what: string, pool: Pool, id: string, timeoutMs: number, handle: Handle<T>, done: Reply<T>): void {
    this.#call(from, timeoutMs, done, (answer) => {
      const view = this.#view;
      if (view === undefined) return answer({ status: 503 });
      this.#walk(what, this.#list(view, pool, id), (door, reply) => handle(door, view.epoch, reply), answer);
    });
  }

  /** A request to webapp. */
  api<T>(from: Process, what: string, timeoutMs: number, handle: (webapp: Webapp, reply: Reply<T>) => void, done: Reply<T>): void {
    this.#call(from, timeoutMs, done, (answer) => {
      const target = (): Process | undefined => this.webapp?.process;
      this.#world.trace.line(() => `${from.name} → webapp  ${what}`);
      this.#world.net.call<Answer<T>>(this.#process, [this.place, "webapp"], target, (reply) => handle(this.webapp!, reply), { timeoutMs: routeMs, connectMs }, (outcome) =>
        answer(outcome.type === "ok" ? outcome.value : { status: 503 }),
      );
    });
  }

  /** A gateway's link to a server by name: no other host will do. */
  link(from: Process, pool: LinkPool, server: string, opened: (side: Side<LinkMessage>) => void, failed: () => void): Dial {
    const { net, doors } = this.#world;
    const dial = this.#dial<LinkMessage>(from, failed);
    net.send([from.place, this.place], () => {
      const addr = this.#view?.server(pool, server)?.addr;
      if (addr === undefined || !this.#endpoints[pool].includes(addr)) return dial.fail();
      const place = this.#world.placeOf(addr);
      let door: Door | undefined;
      const target = (): Process | undefined => (door = doors.get(addr))?.process;
      const accept = (reply: (done: true) => void): void => {
        if (door?.link === undefined || door.id !== server) return reply(true);
        const connection = net.connect<LinkMessage>([from.place, this.place, place], from, door.process);
        dial.attach(connection.a, opened);
        connection.b.send(upgraded);
        door.link(connection.b);
      };
      net.call<true>(this.#process, [this.place, place], target, accept, { timeoutMs: Infinity, connectMs }, () => dial.fail());
    });
    return dial;
  }

  /** A client's WebSocket. @param failed status 0: no answer */
  upgrade(from: Process, ticket: string, opened: (side: Side<ClientMessage>) => void, failed: (status: number) => void): Dial {
    const { net } = this.#world;
    let status = 0;
    const dial = this.#dial<ClientMessage>(from, () => failed(status));
    net.send([from.place, this.place], () => {
      const user = userOfTicket(ticket);
      if (this.#view === undefined || user === undefined) return dial.fail();
      const view = this.#view;
      const list = this.#list(view, "gateway", user);
      const handle = (door: Door, reply: Reply<never>): void => {
        const accept = (): Side<ClientMessage> => {
          this.#world.monitor.routed(view, door.id);
          const connection = net.connect<ClientMessage>([from.place, this.place, door.process.place], from, door.process);
          dial.attach(connection.a, opened);
          connection.b.send(upgraded);
          reply({ status: 101 });
          return connection.b;
        };
        if (door.upgrade === undefined) return reply({ status: 404 });
        door.upgrade(ticket, accept, (refused) => reply({ status: refused }));
      };
      this.#walk<never>(`upgrade of ${from.name}`, list, handle, (answer) => {
        status = answer.status;
        if (status !== 101) net.send([this.place, from.place], () => dial.fail());
      }, [421, 503]);
    });
    return dial;
  }

  #list(view: RingView, pool: Pool, id: string): readonly string[] {
    const known = this.#endpoints[pool];
    return view.preference(pool, id).map(({ addr }) => addr).filter((addr) => known.includes(addr));
  }

  /** The requester's side: over at the first of answer, time-out and Envoy's end. */
  #call<T>(from: Process, timeoutMs: number, done: Reply<T>, run: (answer: Reply<T>) => void): void {
    const { net } = this.#world;
    let over = false;
    const finish = (answer: Answer<T>): void => {
      if (over) return;
      over = true;
      forget();
      timer.run = undefined;
      from.post(() => done(answer));
    };
    const forget = this.#process.onDeath(() => net.send([this.place, from.place], () => finish({ status: 0 })));
    const timer = from.after(timeoutMs, () => finish({ status: 0 }));
    net.send([from.place, this.place], () => run((answer) => net.send([this.place, from.place], () => finish(answer))));
  }

  /** Tries one host after the other. */
  #walk<T>(what: string, list: readonly string[], handle: (door: Door, reply: Reply<T>) => void, done: Reply<T>, again: readonly number[] = [421], tries = 0, last: Answer<T> = { status: 503 }): void {
    const { net, doors, random } = this.#world;
    const [addr, ...rest] = list;
    if (addr === undefined || tries > retriesMax) return done(last);
    const pooled = random.chance(0.5);
    let door: Door | undefined;
    const target = (): Process | undefined => (door = doors.get(addr))?.process;
    const place = this.#world.placeOf(addr);
    const path = [this.place, place];
    this.#world.trace.line(() => `envoy → ${place}  ${what}`);
    net.call<Answer<T>>(this.#process, path, target, (reply) => handle(door!, reply), { timeoutMs: routeMs, connectMs: pooled ? undefined : connectMs }, (outcome) => {
      this.#world.trace.line(() => `${place} → envoy  ${outcome.type === "ok" ? outcome.value.status : outcome.type}`);
      if (outcome.type === "timeout") return done({ status: 504 });
      const lost = this.resets > 0 && random.chance(this.resets);
      if (outcome.type === "ok" && !again.includes(outcome.value.status) && !lost) return done(outcome.value);
      const next = outcome.type === "ok" && !lost ? outcome.value : ({ status: 503 } as const);
      this.#process.after(random.between(0, 25), () => this.#walk(what, rest, handle, done, again, tries + 1, next));
    });
  }

  #dial<T>(from: Process, failed: () => void): Dial & { fail(): void; attach(side: Side<T>, opened: (side: Side<T>) => void): void } {
    let over = false;
    const fail = (): void => {
      if (over) return;
      over = true;
      from.post(failed);
    };
    return {
      cancel: () => (over = true),
      fail,
      attach: (side, opened) => {
        side.handlers = {
          data: () => {
            if (over) return side.close();
            over = true;
            opened(side);
          },
          closed: fail,
        };
      },
    };
  }

  #poll(process: Process): void {
    const { net, random } = this.#world;
    const target = (): Process | undefined => this.#world.charm?.process;
    const ask = (reply: (endpoints: Record<Pool, readonly string[]>) => void): void => {
      const charm = this.#world.charm!;
      reply(Object.fromEntries(pools.map((pool) => [pool, charm.endpoints(pool)])) as Record<Pool, readonly string[]>);
    };
    net.call<Record<Pool, readonly string[]>>(process, [this.place, "charm"], target, ask, { timeoutMs: 1_000 }, (outcome) => {
      if (outcome.type === "ok") this.#endpoints = outcome.value;
      process.after(random.between(pollMs.least, pollMs.most), () => this.#poll(process));
    });
  }
}
