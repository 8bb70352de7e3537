/**
 * The pure core of a presence server. A user is active while a gateway announces them and they did not say "away"
 * themselves. Gateways hear of the users they watch, and only when the answer changed.
 */
import { isNewer, type Choice } from "../protocol/choice.ts";
import { LINK_VERSION, type LinkFrame } from "../protocol/link.ts";
import { isId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import { Timers } from "../runtime/timers.ts";
import type { Effect, Event, Ring } from "./events.ts";
import { Settle } from "./settle.ts";
import { createUser, describeUser, hasChosen, isActive, isIdle, isNeeded, type User } from "./users.ts";

export type { Effect, Event, Ring } from "./events.ts";

/** config.ts has the ranges and defaults. Times in milliseconds. */
export interface Options {
  readonly id: string;
  readonly graceMs: number;
  readonly settleMs: number;
  readonly linkSilenceMs: number;
  readonly maxUsers: number;
  readonly maxWatches: number;
}

interface GatewayLink {
  /** undefined before its hello */
  gateway: string | undefined;
  heardAt: number;
  readonly announced: Set<User>;
  readonly watched: Set<User>;
}

export class Presence {
  readonly #options: Options;
  readonly #timers = new Timers();
  readonly #settle: Settle;
  readonly #users = new Map<string, User>();
  /** users whom nobody needs now, kept for their choice while there is room; the longest unneeded first */
  readonly #remembered = new Set<User>();
  readonly #links = new Map<number, GatewayLink>();
  readonly counters = { changes: 0, graces: 0, flickersSaved: 0, overflow: 0, deadGateways: 0 };
  #ring: Ring | undefined;
  #effects: Effect[] = [];
  #now = 0;
  #watches = 0;
  #askers = 0;
  #sweeping = false;

  constructor(options: Options) {
    this.#options = options;
    this.#settle = new Settle(this.#timers, options.settleMs, () => {
      for (const user of [...this.#users.values()]) {
        this.#tell(user);
        this.#forgetIdle(user);
      }
    });
  }

  /** @param now milliseconds, never going back */
  step(event: Event, now: number): Effect[] {
    this.#now = Math.max(this.#now, now);
    this.#timers.runDue(this.#now);
    this.#handle(event);
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** When `tick` is due, on the clock of `step`; undefined: not before another event. */
  wakeAt(): number | undefined {
    return this.#timers.nextAt();
  }

  get ready(): boolean {
    return this.#ring !== undefined;
  }

  /** Numbers for `/v1/status`. */
  status() {
    const gateways = [...this.#links.values()].map((link) => link.gateway).filter((gateway) => gateway !== undefined);
    return { epoch: this.#ring?.epoch ?? 0, settled: this.#settle.settled, users: this.#users.size, watches: this.#watches, gateways, counters: { ...this.counters } };
  }

  #handle(event: Event): void {
    switch (event.type) {
      case "topology":
        return this.#topology(event.ring);
      case "linkOpened":
        this.#links.set(event.link, { gateway: undefined, heardAt: this.#now, announced: new Set(), watched: new Set() });
        this.#send(event.link, { type: "hello", v: LINK_VERSION, server: this.#options.id, epoch: this.#ring?.epoch ?? 0 });
        return this.#sweep();
      case "linkFrames":
        for (const frame of event.frames) this.#frame(event.link, frame);
        return;
      case "linkClosed":
        return this.#unlink(event.link);
      case "get":
        return this.#get(event.req, event.user);
      case "put":
        return this.#put(event.req, event.user, event.choice);
      case "tick":
        return;
    }
  }

  #topology(ring: Ring): void {
    this.#ring = ring;
    const gateways = ring.servers("gateway").flatMap(({ id, state }) => (state === "down" ? [] : [id]));
    this.#settle.topology(ring.epoch, ring.placement("presence"), gateways, this.#now);
    for (const user of [...this.#users.values()]) {
      this.#tell(user);
      this.#forgetIdle(user);
    }
  }

  #frame(number: number, frame: LinkFrame): void {
    const link = this.#links.get(number);
    if (link === undefined) return;
    link.heardAt = this.#now;
    if (frame.type === "hello") return this.#greet(number, link, frame.v, frame.server);
    if (link.gateway === undefined) return this.#close(number, "hello comes first");
    switch (frame.type) {
      case "ping":
        return this.#send(number, { type: "pong", at: frame.at });
      case "pong":
        return;
      case "announced":
        return this.#settle.announced(link.gateway, frame.epoch);
      case "online":
      case "offline":
      case "watch":
      case "unwatch":
        if (!isId(frame.user)) return this.#close(number, `${frame.type}.user is not an ID`);
        if (frame.type === "online") return this.#online(number, link, frame.user, { away: frame.manualAway !== 0, at: frame.at });
        if (frame.type === "watch") return this.#watch(number, link, frame.user);
        return this.#release(number, link, frame.type, this.#users.get(frame.user));
      default:
        return this.#close(number, `${frame.type} is not for a presence server`);
    }
  }

  #greet(number: number, link: GatewayLink, v: number, gateway: string): void {
    if (v !== LINK_VERSION) return this.#close(number, `link version ${v} is not ${LINK_VERSION}`);
    if (!isId(gateway)) return this.#close(number, "hello.server is not an ID");
    // A gateway has one link; an older one is a connection whose end was not noticed yet.
    for (const [other, { gateway: its }] of [...this.#links]) if (other !== number && its === gateway) this.#close(other, "the gateway has a newer link");
    link.gateway = gateway;
    this.#settle.linked(gateway);
  }

  #online(number: number, link: GatewayLink, id: string, choice: Choice): void {
    const user = this.#need(id);
    if (user === undefined) return;
    if (user.grace !== undefined) this.counters.flickersSaved++;
    this.#timers.cancel(user.grace);
    user.grace = undefined;
    user.announcers.add(number);
    link.announced.add(user);
    this.#choose(user, choice, number);
    if (isNewer(user.choice, choice)) this.#tellChoice(number, user);
    this.#tell(user);
  }

  #watch(number: number, link: GatewayLink, id: string): void {
    if (link.watched.has(this.#users.get(id)!)) return;
    const user = this.#watches < this.#options.maxWatches ? this.#need(id) : this.#overflow();
    if (user === undefined) return;
    this.#watches++;
    link.watched.add(user);
    user.watchers.set(number, undefined);
    this.#tell(user);
  }

  #release(number: number, link: GatewayLink, what: "offline" | "unwatch", user: User | undefined): void {
    if (user === undefined) return;
    if (what === "unwatch") {
      if (link.watched.delete(user)) this.#watches--;
      user.watchers.delete(number);
    } else if (link.announced.delete(user)) this.#leave(number, user);
    this.#forgetIdle(user);
  }

  /** One announcer less; after the last one the user has time to come back. */
  #leave(number: number, user: User): void {
    user.announcers.delete(number);
    if (user.announcers.size > 0) return;
    this.counters.graces++;
    user.grace = this.#timers.set(this.#now + this.#options.graceMs, () => {
      user.grace = undefined;
      this.#tell(user);
      this.#forgetIdle(user);
    });
  }

  #unlink(number: number): void {
    const link = this.#links.get(number);
    if (link === undefined) return;
    this.#links.delete(number);
    if (link.gateway !== undefined) this.#settle.gone(link.gateway, this.#now);
    for (const user of link.announced) this.#leave(number, user);
    this.#watches -= link.watched.size;
    for (const user of link.watched) user.watchers.delete(number);
    for (const user of link.watched) this.#forgetIdle(user);
  }

  #get(req: number, id: string): void {
    const user = this.#users.get(id) ?? createUser(id, this.#now);
    if (this.#knows(user)) return this.#answer(req, user);
    if (this.#askers >= limits.presenceAskers || this.#need(id) === undefined) return this.#refuse(req);
    this.#askers++;
    const asked = this.#users.get(id)!;
    asked.askers.add(req);
    this.#tell(asked);
  }

  #put(req: number, id: string, choice: Choice): void {
    const user = this.#need(id);
    if (user === undefined) return this.#refuse(req);
    this.#choose(user, choice, undefined);
    this.#tell(user);
    this.#answer(req, user);
    this.#forgetIdle(user);
  }

  /** Takes a choice that is newer, and tells the gateways of the user, save the one that brought it. */
  #choose(user: User, choice: Choice, from: number | undefined): void {
    if (!isNewer(choice, user.choice)) return;
    user.choice = choice;
    for (const link of user.announcers) if (link !== from) this.#tellChoice(link, user);
  }

  #tellChoice(link: number, { id, choice }: User): void {
    this.#send(link, { type: "manual", user: id, away: choice.away ? 1 : 0, at: choice.at });
  }

  /** Tells everybody who should know and does not, if it is known. */
  #tell(user: User): void {
    if (!this.#knows(user)) return this.#settleLater(user);
    this.#timers.cancel(user.settling);
    user.settling = undefined;
    const active = isActive(user);
    for (const [link, told] of user.watchers) {
      if (told === active) continue;
      user.watchers.set(link, active);
      this.counters.changes++;
      this.#send(link, { type: "presence", user: user.id, active: active ? 1 : 0 });
    }
    this.#askers -= user.askers.size;
    for (const req of user.askers) this.#answer(req, user);
    user.askers.clear();
  }

  /** Whether the lack of an announcement means that the user is offline; one in the grace period may be back, with another choice, and not announced yet. */
  #knows(user: User): boolean {
    if (user.announcers.size > 0) return true;
    if (this.#ring === undefined) return false;
    return this.#owns(user.id) ? this.#settle.settled : isNeeded(user) && this.#now - user.neededSince >= this.#options.settleMs;
  }

  /** The user of a server that seems to be gone: the gateways come here one by one, and the ring says nothing yet. */
  #settleLater(user: User): void {
    if (user.settling !== undefined || this.#ring === undefined || this.#owns(user.id) || !isNeeded(user)) return;
    user.settling = this.#timers.set(user.neededSince + this.#options.settleMs, () => {
      user.settling = undefined;
      this.#tell(user);
      this.#forgetIdle(user);
    });
  }

  #owns(user: string): boolean {
    return this.#ring?.owner("presence", user)?.id === this.#options.id;
  }

  #need(id: string): User | undefined {
    const known = this.#users.get(id);
    if (known !== undefined) {
      this.#remembered.delete(known);
      if (!isNeeded(known)) known.neededSince = this.#now;
      return known;
    }
    if (this.#users.size >= this.#options.maxUsers) {
      const [oldest] = this.#remembered;
      if (oldest === undefined) return this.#overflow();
      this.#forget(oldest);
    }
    const user = createUser(id, this.#now);
    this.#users.set(id, user);
    return user;
  }

  #overflow(): undefined {
    this.counters.overflow++;
    return undefined;
  }

  #forgetIdle(user: User): void {
    if (!isIdle(user)) return;
    this.#timers.cancel(user.settling);
    user.settling = undefined;
    if (this.#users.get(user.id) !== user) return;
    if (hasChosen(user)) this.#remembered.add(user);
    else this.#forget(user);
  }

  #forget(user: User): void {
    this.#remembered.delete(user);
    this.#users.delete(user.id);
  }

  #sweep(): void {
    if (this.#sweeping) return;
    this.#sweeping = this.#links.size > 0;
    if (!this.#sweeping) return;
    let quietSince = this.#now;
    for (const { heardAt } of this.#links.values()) quietSince = Math.min(quietSince, heardAt);
    this.#timers.set(quietSince + this.#options.linkSilenceMs, () => {
      for (const [number, link] of [...this.#links]) {
        if (this.#now - link.heardAt < this.#options.linkSilenceMs) continue;
        this.counters.deadGateways++;
        this.#close(number, "silent");
      }
      this.#sweeping = false;
      this.#sweep();
    });
  }

  #close(link: number, detail: string): void {
    this.#effects.push({ type: "close", link, detail });
    this.#unlink(link);
  }

  #send(link: number, frame: LinkFrame): void {
    this.#effects.push({ type: "send", link, frame });
  }

  #answer(req: number, user: User): void {
    this.#effects.push({ type: "answer", req, info: describeUser(user) });
  }

  #refuse(req: number): void {
    this.#effects.push({ type: "refuse", req, reason: "unavailable", detail: "this server keeps as many users as it takes" });
  }
}
