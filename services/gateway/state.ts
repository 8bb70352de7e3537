/**
 * The pure core of the gateway: everything it decides, none of what it does. `step` is given what happened and answers with
 * what is to be done; it knows no clock, no socket and no chance.
 */
import type { CloseReason, ClientError } from "../protocol/client.ts";
import type { LinkFrame } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import { Boot } from "./boot.ts";
import { CatchUps } from "./catch-up.ts";
import { ack, gap, goodbye, hello, parseClientFrame, pong, refusal, type ClientFrame, type ReplyTo } from "./client-frames.ts";
import { Core, type Counters, type Options } from "./core.ts";
import { drainIn, drainPace, sameDrain, stopPace, type Drain } from "./drain.ts";
import type { Effect, Event, Ring, SessionId } from "./events.ts";
import { Farewell } from "./farewell.ts";
import { Heartbeat } from "./heartbeat.ts";
import { Journeys } from "./journeys.ts";
import { Links, type Link } from "./links.ts";
import { Members, parseControl } from "./members.ts";
import { Presence } from "./presence.ts";
import { Pressure } from "./pressure.ts";
import { Publishes } from "./publishes.ts";
import { RateLimits } from "./rate-limits.ts";
import { Sessions, type Session } from "./sessions.ts";
import { Subscriptions } from "./subscriptions.ts";

export type { Options } from "./core.ts";
export type { Effect, Event, Ring } from "./events.ts";

export class Gateway {
  readonly #core: Core;
  readonly #sessions = new Sessions();
  readonly #links: Links;
  readonly #subs: Subscriptions;
  readonly #catchUps: CatchUps;
  readonly #publishes: Publishes;
  readonly #members: Members;
  readonly #presence: Presence;
  readonly #rates: RateLimits;
  readonly #journeys: Journeys;
  readonly #boot: Boot;
  readonly #heartbeat: Heartbeat;
  readonly #farewell: Farewell;
  readonly #pressure: Pressure;
  #draining: Drain;
  #stopping = false;
  #drained = false;

  constructor(options: Options) {
    const core = (this.#core = new Core(options));
    this.#rates = new RateLimits(core);
    this.#journeys = new Journeys(core);
    this.#links = new Links(core, {
      opened: (link) => (link.pool === "channel" ? this.#subs.linkOpened(link) : this.#presence.linkOpened(link)),
      broke: (link) => (link.pool === "channel" ? this.#subs.linkBroke(link) : this.#presence.linkBroke(link)),
      frame: (link, frame) => this.#linkFrame(link, frame),
    });
    this.#subs = new Subscriptions(core, this.#links, {
      ready: (sub) => {
        this.#publishes.ready(sub);
        const waiters = [...sub.waiters];
        sub.waiters.clear();
        for (const session of this.#known(waiters)) {
          this.#boot.ready(session, sub);
          this.#members.freshReady(session, sub);
        }
        this.#catchUps.advance(sub);
        for (const session of this.#sessions.ofUser(sub.channel)) if (session.listAgain) this.#boot.relist(session);
      },
      lost: (sub) => {
        this.#publishes.lost(sub);
        this.#catchUps.lost(sub);
      },
      shown: (sub, frame) => this.#journeys.onEvent(sub, frame),
      advanced: (sub) => this.#catchUps.advance(sub),
      control: (sub, payload) => {
        const control = parseControl(payload);
        if (control === undefined) return;
        if ("presence" in control) return this.#presence.chosen(sub.channel, { away: control.presence === "away", at: control.at });
        for (const session of [...this.#sessions.ofUser(sub.channel)]) if (!this.#members.control(session, control)) this.#close(session, "try_again");
      },
      gapped: (sub, missed) => {
        this.#subs.deliver(sub, new TextEncoder().encode(gap(missed)), 0, false);
        for (const session of this.#sessions.ofUser(sub.channel)) this.#boot.relist(session);
      },
    });
    this.#catchUps = new CatchUps(core, this.#links, {
      caughtUp: (sub, session) => this.#members.caughtUp(sub, session),
      misdirected: (sub) => this.#subs.refusedBy(sub),
      gap: (session, missed) => core.emit({ type: "send", session, text: gap(missed) }),
    });
    this.#publishes = new Publishes(core, this.#links, {
      acked: (pending, offset, ts) => this.#send(pending.session, ack(pending.replyTo, ts, pending.text, offset)),
      refused: (pending, error, detail, retryAfterMs) => this.#send(pending.session, refusal(pending.replyTo, error, detail, retryAfterMs)),
      misdirected: (sub) => this.#subs.refusedBy(sub),
      done: (sub) => this.#subs.release(sub),
    });
    this.#members = new Members(core, this.#sessions, this.#subs, this.#catchUps);
    this.#presence = new Presence(core, this.#links, this.#sessions);
    this.#boot = new Boot(core, this.#sessions, this.#members, {
      booted: (session) => this.#booted(session),
      failed: (session) => this.#close(session, "try_again"),
      closed: () => {
        if (this.#closedToClients()) return { reason: "misdirected", detail: "this gateway drains" };
        if (core.ring === undefined) return { reason: "ring_unavailable", detail: "" };
        return this.#pressure.busy ? { reason: "overloaded", detail: "this gateway's memory is used up" } : undefined;
      },
    });
    this.#heartbeat = new Heartbeat(core, (session) => {
      core.counters.silent++;
      this.#close(session, "silent");
    });
    this.#pressure = new Pressure(core, {
      sessions: () => [...this.#sessions.all()].map(({ id }) => id),
      shed: (id) => {
        const session = this.#sessions.get(id);
        if (session === undefined) return;
        core.counters.shed++;
        this.#close(session, "slow_consumer", true);
      },
    });
    this.#farewell = new Farewell(core, {
      goodbye: (session, delayMs) => this.#send(session.id, goodbye(delayMs)),
      close: (session) => this.#close(session, "goodbye"),
      waiting: (session) => this.#publishes.waiting(session.id),
    });
  }

  /**
   * @param now milliseconds, never going back
   * @param wallMs milliseconds since the epoch
   */
  step(event: Event, now: number, wallMs = now): Effect[] {
    this.#core.begin(now, wallMs);
    this.#handle(event);
    if (this.#stopping && !this.#drained && this.#sessions.size === 0) {
      this.#drained = true;
      this.#links.stop();
      this.#core.emit({ type: "drained" });
    }
    return this.#core.take();
  }

  /** When `tick` is due, on the clock of `step`; undefined: not before another event. */
  wakeAt(): number | undefined {
    return this.#core.nextAt();
  }

  /** Whether it would take a client. */
  get ready(): boolean {
    return this.#core.ring !== undefined && !this.#closedToClients();
  }

  get counters(): Readonly<Counters> {
    return this.#core.counters;
  }

  get times(): Core["times"] {
    return this.#core.times;
  }

  /** For `/v1/subscribers/{channel}`; a user's own stream is a channel, whose subscribers are the user's sessions. */
  subscribers(channel: string): ReturnType<Subscriptions["describe"]> {
    return this.#subs.describe(channel);
  }

  /** Numbers for `/v1/status`; counters beside. */
  status() {
    return {
      epoch: this.#core.ring?.epoch ?? 0,
      draining: this.#closedToClients(),
      sessions: this.#sessions.size,
      users: this.#sessions.users,
      subscriptions: this.#subs.size,
      pendingPublishes: this.#publishes.size,
      presenceUsers: this.#presence.size,
      memoryPercent: this.#pressure.percent,
      links: this.#links.describe(),
      counters: { ...this.#core.counters },
    };
  }

  #handle(event: Event): void {
    switch (event.type) {
      case "topology":
        return this.#topology(event.ring);
      case "upgrade":
        return this.#boot.upgrade(event.session, event.ticket);
      case "redeemed":
        return this.#boot.redeemed(event.session, event.ticketed);
      case "unredeemed":
        return this.#boot.unredeemed(event.session, event.status);
      case "linkOpened":
        return this.#links.opened(event.conn);
      case "linkFrames":
        return this.#links.frames(event.conn, event.frames);
      case "linkClosed":
        return this.#links.closed(event.conn);
      case "pressure":
        return this.#pressure.measured(event);
      case "weighed":
        return this.#pressure.weighed(event.queues);
      case "stop":
        this.#stopping = true;
        return this.#takeLeave();
      case "tick":
        return;
      default: {
        const session = this.#sessions.get(event.session);
        if (session !== undefined) this.#onSession(session, event);
      }
    }
  }

  #onSession(session: Session, event: Extract<Event, { session: SessionId }>): void {
    switch (event.type) {
      case "opened":
        this.#heartbeat.add(session);
        return this.#boot.opened(session);
      case "listed":
        return this.#boot.listed(session, event.channels);
      case "unlisted":
        return this.#boot.unlisted(session);
      case "text":
        session.aliveAt = this.#core.now;
        return this.#text(session, event.text);
      case "binary":
        return this.#close(session, "protocol");
      case "alive":
        session.aliveAt = this.#core.now;
        return;
      case "replayed": {
        const member = session.members.get(event.channel);
        if (member !== undefined) this.#catchUps.replayed(member.sub, session.id);
        return;
      }
      case "overflow":
        this.#core.counters.slowConsumers++;
        return this.#close(session, "slow_consumer");
      case "closed":
        return this.#forget(session);
    }
  }

  #topology(ring: Ring): void {
    this.#core.ring = ring;
    this.#links.grow();
    this.#subs.reroute();
    this.#presence.reroute();
    this.#links.shrink();
    const before = this.#draining;
    this.#draining = drainIn(ring, this.#core.options.id, before);
    if (this.#stopping || sameDrain(before, this.#draining)) return;
    if (this.#draining !== undefined) this.#takeLeave();
    else this.#farewell.cancel();
  }

  #linkFrame({ conn }: Link, frame: LinkFrame): void {
    switch (frame.type) {
      case "subscribed":
        return this.#subs.onSubscribed(conn, frame);
      case "event":
        return this.#subs.onEvent(conn, frame);
      case "transient":
        return this.#subs.onTransient(conn, frame);
      case "moved":
        return this.#subs.onMoved(conn, frame);
      case "ack":
        return this.#publishes.onAck(frame);
      case "refused":
        return this.#publishes.onRefused(conn, frame) || this.#subs.onRefused(frame) ? undefined : this.#catchUps.onRefused(frame);
      case "batch":
        return this.#catchUps.onBatch(frame);
      case "window":
        return this.#subs.onWindow(conn, frame) ? undefined : this.#catchUps.onWindow(frame);
      case "presence":
        return this.#presence.onPresence(conn, frame);
      case "manual":
        return this.#presence.onManual(conn, frame);
      default:
        return; // pong, and what only gateways say
    }
  }

  #booted(session: Session): void {
    this.#send(session.id, hello(session.id, this.#core.options.id));
    session.phase = "live";
    this.#presence.online(session);
    this.#journeys.add(session);
    for (const member of session.members.values()) this.#members.start(session, member);
    for (const text of session.early.splice(0)) this.#text(session, text);
    this.#boot.booted(session);
    if (this.#closedToClients()) this.#farewell.add(session);
  }

  #text(session: Session, text: string): void {
    if (session.phase === "live") this.#frame(session, parseClientFrame(text));
    else if ((session.earlyChars += text.length) > limits.earlyChars || session.early.push(text) > limits.earlyFrames) this.#close(session, "protocol");
  }

  #frame(session: Session, frame: ClientFrame): void {
    switch (frame.type) {
      case "ping":
        return this.#send(session.id, pong(frame.id, frame.echo));
      case "message":
        return this.#publish(session, frame);
      case "typing": {
        const sub = session.members.get(frame.channel)?.sub;
        if (sub === undefined || frame.channel === session.user) return this.#refuse(session, frame.id, "channel_not_found");
        if (sub.state === "subscribed" && this.#rates.typing(session.user)) this.#links.send(sub.conn, { type: "typing", chan: sub.chan, origin: session.id, user: session.user });
        return;
      }
      case "presence_sub":
      case "presence_query": {
        const waitMs = this.#rates.presence(session.user, frame.users.length);
        if (waitMs > 0) return this.#tooMany(session, frame.id, waitMs);
        if (frame.type === "presence_sub") return this.#presence.watch(session, frame.users);
        return this.#presence.query(session, frame.users) ? undefined : this.#tooMany(session, frame.id, limits.queueFullMs);
      }
      case "tickle":
        return;
      case "refused":
        return this.#refuse(session, frame.id, frame.error, frame.detail);
    }
  }

  #publish(session: Session, frame: Extract<ClientFrame, { type: "message" }>): void {
    if (!session.members.has(frame.channel) || frame.channel === session.user) return this.#refuse(session, frame.id, "channel_not_found");
    const waitMs = this.#publishes.full(session.id) ? limits.queueFullMs : this.#rates.message(session.user);
    if (waitMs > 0) return this.#tooMany(session, frame.id, waitMs);
    this.#publishes.add(this.#subs.acquire(frame.channel), {
      session: session.id,
      user: session.user,
      replyTo: frame.id,
      text: frame.text,
      key: frame.key,
      draft: new TextEncoder().encode(JSON.stringify(frame.draft)),
    });
  }

  #refuse(session: Session, replyTo: ReplyTo, error: ClientError, detail = ""): void {
    this.#core.counters.badFrames++;
    this.#send(session.id, refusal(replyTo, error, detail));
  }

  #tooMany(session: Session, replyTo: ReplyTo, retryAfterMs: number): void {
    this.#core.counters.rateLimited++;
    this.#send(session.id, refusal(replyTo, "rate_limited", "", retryAfterMs));
  }

  #closedToClients(): boolean {
    return this.#draining !== undefined || this.#stopping;
  }

  /** In turns, at the pace of a drain or of a stop. */
  #takeLeave(): void {
    const { options } = this.#core;
    const live = [...this.#sessions.all()].filter((session) => session.phase === "live");
    const pace = drainPace(this.#draining, live.length, options);
    if (!this.#stopping) return this.#farewell.begin(live, pace);
    const hurried = stopPace(this.#draining, live.length, options);
    if (hurried.everyMs < pace.everyMs) this.#core.emit({ type: "hurry", sessions: live.length, withinMs: options.drainMs });
    this.#farewell.begin(live, hurried);
  }

  #close(session: Session, reason: CloseReason, now = false): void {
    this.#core.emit({ type: "close", session: session.id, reason, ...(now ? { now } : {}) });
    this.#forget(session);
  }

  #forget(session: Session): void {
    if (this.#sessions.get(session.id) !== session) return;
    this.#core.cancel(session.timer);
    this.#heartbeat.remove(session);
    this.#farewell.gone(session);
    this.#members.leaveAll(session);
    this.#sessions.remove(session);
    this.#presence.gone(session);
    this.#journeys.remove(session);
    if (session.phase === "live") this.#presence.offline(session);
  }

  #send(session: SessionId, text: string): void {
    if (this.#sessions.get(session) !== undefined) this.#core.emit({ type: "send", session, text });
  }

  #known(ids: readonly SessionId[]): Session[] {
    return ids.map((id) => this.#sessions.get(id)).filter((session) => session !== undefined);
  }
}
