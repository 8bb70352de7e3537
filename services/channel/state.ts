/**
 * The pure core of a channel server: (event, time) → effects. It owns slots (slots.ts, ownership.ts), orders and keeps
 * their channels' events (channel.ts, flights.ts) and tells the gateways' links (links.ts, subscription.ts).
 *
 * Who may post or read is decided at the doors behind which users stand (webapp, gateway); the mesh is trusted here.
 */
import { NO_ORIGIN, type Link } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import { parseJson } from "../protocol/json.ts";
import { ProtocolError, type Reason } from "../protocol/problems.ts";
import { microsOf } from "../runtime/clock.ts";
import { TokenBuckets } from "../runtime/token-buckets.ts";
import type { Channel } from "./channel.ts";
import { Backlog } from "./backlog.ts";
import type { Asker, Effect, Event, PublishedBytes, Released } from "./events.ts";
import type { Host } from "./host.ts";
import { Links, type LinkHost } from "./links.ts";
import { Ownership } from "./ownership.ts";
import { parsePublish } from "./parse-publish.ts";
import { Slots, type Errand } from "./slots.ts";
import { SecondLooks } from "./second-looks.ts";
import { Stalled } from "./stalled.ts";
import type { ChannelStatus } from "./status.ts";
import type { Subscription } from "./subscription.ts";

export type { Effect, Event } from "./events.ts";

/** How long a request waits for the topology by which it was sent here, ms. */
const epochWaitMs = 1_000;
/** How often the next slots are checked and silent links are looked for, ms. */
const patrolMs = 500;

type Request = Extract<Event, { type: "request" }>;

/** Something that waits for the topology by which it was sent here. */
interface Early {
  readonly epoch: number;
  readonly until: number;
  readonly serve: () => void;
  readonly refuse: () => void;
}

export interface Options {
  /** this server's ID in the channel pool */
  readonly server: string;
  /** the ring's hash: channel ID → 0..65535 */
  readonly slotOf: (id: string) => number;
  /** see limits.idleChannels */
  readonly idleChannels?: number;
  /** token buckets of each channel: how many a second, and how many seconds of that at once; 0 or absent = no limit */
  readonly channelMessagesPerSecond?: number;
  readonly channelTypingPerSecond?: number;
  readonly burstSeconds?: number;
}

export class ChannelState implements Host, LinkHost {
  readonly #server: string;
  readonly #slotOf: (id: string) => number;
  readonly #ownership: Ownership;
  readonly #slots: Slots;
  readonly #links: Links;
  /** what was sent by one who knows a newer topology */
  readonly #early: Early[] = [];
  readonly #stalled = new Stalled();
  readonly #looks = new SecondLooks();
  readonly #messages: TokenBuckets;
  readonly #signs: TokenBuckets;
  readonly #backlog = new Backlog();
  #touched = new Set<Channel>();
  #effects: Effect[] = [];
  #ids = 0;
  #now = 0;
  #wallMs = 0;
  #warm = 0;
  #wakeAt = Infinity;
  #stopping = false;
  #drained = false;
  /** requests that were refused, by why */
  readonly refusals: Partial<Record<Reason, number>> = {};
  readonly counters = { published: 0, duplicates: 0, moved: 0, fenced: 0, claims: 0, rateLimited: 0, typingDropped: 0 };

  constructor({ server, slotOf, idleChannels = limits.idleChannels, channelMessagesPerSecond: messages = 0, channelTypingPerSecond: typing = 0, burstSeconds = 1 }: Options) {
    this.#server = server;
    this.#slotOf = slotOf;
    this.#messages = new TokenBuckets(messages, messages * burstSeconds);
    this.#signs = new TokenBuckets(typing, typing * burstSeconds);
    this.#ownership = new Ownership(server, this.emit);
    this.#slots = new Slots(this, this.#ownership, idleChannels);
    this.#links = new Links(this);
  }

  get epoch(): number {
    return this.#ownership.epoch;
  }

  /** The last epoch at which nothing was left to hand over or to take. */
  get warm(): number {
    return this.#warm;
  }

  /** For people, tests and metrics. */
  status(): ChannelStatus {
    const { channels } = this.#slots;
    return { server: this.#server, epoch: this.epoch, warm: this.#warm, slots: this.#slots.size, takenOver: this.#slots.takenOver, channels, links: this.#links.size, subscriptions: this.#links.subscriptions, pendingBytes: this.#backlog.bytes, ...this.counters, refusals: { ...this.refusals } };
  }

  /**
   * @param wallMs milliseconds since the epoch, for timestamps alone: this clock may stand still, jump and go back
   * @param now milliseconds of a clock that does none of that, for all that has to wait or to end
   */
  step(event: Event, wallMs: number, now = wallMs): Effect[] {
    this.#now = now;
    this.#wallMs = wallMs;
    this.#take(event);
    for (const channel of this.#touched) {
      channel.pump();
      this.#slots.settle(channel);
    }
    this.#touched.clear();
    this.#slots.flush();
    if (!this.#slots.moving) this.#warm = this.epoch;
    this.#plan();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #take(event: Event): void {
    switch (event.type) {
      case "topology":
        this.#ownership.adopt(event.ring);
        this.#slots.review(this.#now);
        return this.#retryEarly();
      case "request":
        return this.#request(event);
      case "linkOpened":
        return this.#links.open(event.link, this.#server, this.epoch, this.#now);
      case "linkFrame":
        return this.#links.receive(event.link, event.frame, this.#now);
      case "linkClosed":
        return this.#links.closed(event.link);
      case "released":
        return this.#released(event);
      case "handedOver":
        return this.#slots.handedOver(event.release);
      case "probed":
        this.#ownership.probed(event.server, event.gone, this.#now);
        return this.#slots.heard(this.#now);
      case "health":
        this.#ownership.health(event.critical);
        return this.#slots.heard(this.#now);
      case "claimed":
        return this.#slots.claimed(event.slot, event.fence);
      case "checked":
        return this.#slots.checked(event.check, event.slots, event.fences, this.#now);
      case "loaded":
        return this.#at(event.channel, (channel) => {
          if (!channel.loaded(event.load, event.head, event.lastTs)) this.#slots.forget(channel);
        });
      case "lookedUp":
        return this.#at(event.channel, (channel) => channel.lookedUp(event.lookup, event.found, this.#wallMs));
      case "appended":
        this.#backlog.arrives(event.append);
        if (event.result === "fenced") {
          this.counters.fenced++;
          this.#slots.fenced(this.#slotOf(event.channel), this.#now);
        }
        return this.#at(event.channel, (channel) => channel.appended(event.append, event.result, this.#wallMs));
      case "replayed":
        return this.#at(event.channel, (channel) => channel.replayed(event.sub, event.entries));
      case "tick":
        this.#wakeAt = Infinity;
        this.#links.closeSilent(this.#now);
        if (this.#links.subscriptions > 0) this.#slots.patrol();
        this.#slots.recheck(this.#now);
        this.#slots.hurry(this.#now);
        for (const channel of this.#stalled.take(this.#now)) channel.retry();
        for (const channel of this.#looks.take(this.#now)) channel.lookAgain();
        return this.#retryEarly();
      case "stop":
        this.#stopping = true;
        this.#slots.stop(this.#now);
        for (const { refuse } of this.#early.splice(0)) refuse();
        return;
    }
  }

  /** Asks for the next tick, if one is needed, and tells when a stopping server is done. */
  #plan(): void {
    if (this.#stopping) {
      if (this.#slots.size === 0 && !this.#drained) this.emit({ type: "drained" });
      this.#drained ||= this.#slots.size === 0;
    }
    const candidates = this.#stopping ? [this.#slots.leaveAt()] : [this.#slots.leaveAt(), this.#early[0]?.until, this.#slots.recheckAt(this.#now), this.#stalled.at, this.#looks.at, this.#links.size > 0 ? this.#now + patrolMs : undefined];
    const at = Math.min(...candidates.filter((one) => one !== undefined));
    if (at >= this.#wakeAt) return;
    this.#wakeAt = at;
    this.emit({ type: "wake", at });
  }

  /** Serves what was sent here by a topology, once it is here; a while later in any case. */
  #inTime(epoch: number, serve: () => void, refuse: () => void): void {
    if (epoch > this.epoch && this.#ownership.known && !this.#stopping && this.#early.length < limits.earlyRequests) {
      this.#early.push({ epoch, until: this.#now + epochWaitMs, serve, refuse });
    } else serve();
  }

  #retryEarly(): void {
    const ready = ({ epoch, until }: Early): boolean => epoch <= this.epoch || until <= this.#now;
    const list = this.#early.filter(ready);
    if (list.length === 0) return;
    this.#early.splice(0, this.#early.length, ...this.#early.filter((one) => !ready(one)));
    for (const { serve } of list) serve();
  }

  #request(event: Request): void {
    const { req, channel, ask } = event;
    const asker = ask.type === "publish" ? this.#admit({ req }, ask.bytes, channel) : { req };
    if (asker !== undefined) this.#inTime(event.epoch, () => this.#serve(event, asker), () => this.refuse(asker, "misdirected", "", this.#slotOf(channel)));
  }

  /** @returns undefined where the publication was refused */
  #admit(asker: Asker, bytes: number, channel: string): Asker | undefined {
    const admitted = this.#backlog.admit(asker, bytes);
    if (admitted === undefined) this.refuse(asker, "rate_limited", `${this.#backlog.bytes} bytes of publications wait for the store`, this.#slotOf(channel));
    return admitted;
  }

  #serve({ channel: id, ask }: Request, asker: Asker): void {
    const { req } = asker;
    const received = microsOf(this.#wallMs);
    this.#errand(id, asker, (channel) => {
      switch (ask.type) {
        case "publish":
          return channel.publish({ asker, publish: ask.publish, hops: { taken: 0, received, trace: ask.trace }, tries: 0 });
        case "typing":
          this.#typing(channel, ask.user, NO_ORIGIN);
          return this.emit({ type: "answer", req, reply: { type: "accepted" } });
        case "info":
        case "query": {
          const answer = (): void => {
            const { offset: head, ts: last_ts } = channel.head;
            const info = { channel: id, slot: channel.slot, owner: this.#server, epoch: this.epoch, fence: channel.fence, head, last_ts };
            this.emit({ type: "answer", req, reply: ask.type === "info" ? { type: "info", info } : { type: "query", channel: id, query: ask.query, head } });
          };
          return channel.whenLoaded(answer, (reason) => this.refuse(asker, reason, "", channel.slot));
        }
      }
    });
  }

  #released({ req, epoch, slots }: Extract<Event, { type: "released" }>): void {
    const list = slots.map(([slot, channels]): Released => [slot, channels.filter((id) => this.#slotOf(id) === slot)]);
    this.#slots.released(epoch, list, () => this.emit({ type: "answer", req, reply: { type: "accepted" } }), this.#now);
  }

  #errand(channel: string, asker: Asker, run: (channel: Channel) => void): void {
    const slot = this.#slotOf(channel);
    const errand: Errand = {
      slot,
      channel,
      run: (found) => {
        this.#touched.add(found);
        run(found);
      },
      refuse: (reason, detail) => this.refuse(asker, reason, detail, slot),
    };
    this.#slots.route(errand, this.#now);
  }

  /** Whether a subscription still waits for its replay: many may have waited for their turn. */
  wants(id: string, sub: number): boolean {
    return this.#slots.channel(this.#slotOf(id), id)?.subscriptions.some((one) => one.id === sub) === true;
  }

  #at(id: string, action: (channel: Channel) => void): void {
    const channel = this.#slots.channel(this.#slotOf(id), id);
    if (channel === undefined) return;
    this.#touched.add(channel);
    action(channel);
  }

  /** To all who listen, as long as it isn't too much; nobody is told what is dropped. */
  #typing(channel: Channel, user: string, origin: number): void {
    if (this.#signs.take(channel.id, this.#now) > 0) return void this.counters.typingDropped++;
    const payload = Buffer.from(JSON.stringify({ type: "user_typing", channel: channel.id, user }));
    for (const { link, chan, state } of channel.subscriptions) {
      if (state === "live") this.emit({ type: "send", link, frame: { type: "transient", chan, origin, payload } });
    }
  }

  // --- LinkHost: what links ask for

  subscribe(sub: Subscription, epoch: number): void {
    const slot = this.#slotOf(sub.channel);
    // It may have been taken back while it waited.
    const wanted = (): boolean => this.#links.has(sub);
    const run = (channel: Channel): void => {
      this.#touched.add(channel);
      if (wanted()) channel.subscribe(sub);
    };
    const refuse = (): void => (wanted() ? this.moved(sub) : undefined);
    this.#inTime(epoch, () => (wanted() ? this.#slots.route({ slot, channel: sub.channel, run, refuse }, this.#now) : undefined), refuse);
  }

  unsubscribe(sub: Subscription): void {
    this.#at(sub.channel, (channel) => channel.unsubscribe(sub));
  }

  publish(sub: Subscription, { req, origin, user, key, taken, trace, draft }: Link<"publish">): void {
    const asker = this.#admit({ link: sub.link, req }, draft.length, sub.channel);
    if (asker === undefined) return;
    try {
      const publish = parsePublish({ kind: "message", user, key, draft: parseJson(draft), origin });
      this.#errand(sub.channel, asker, (channel) => channel.publish({ asker, publish, hops: { taken, received: microsOf(this.#wallMs), trace }, tries: 0 }));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.refuse(asker, error.reason, error.detail ?? "", this.#slotOf(sub.channel));
    }
  }

  typing(sub: Subscription, { user, origin }: Link<"typing">): void {
    this.#at(sub.channel, (channel) => this.#typing(channel, user, origin));
  }

  read(sub: Subscription, frame: Link<"read">): void {
    const asker = { link: sub.link, req: frame.req };
    this.#errand(sub.channel, asker, (channel) => {
      const limit = Math.max(1, Math.min(frame.limit, limits.batchEvents));
      const answer = (): void => this.emit({ ...frame, ...asker, channel: sub.channel, head: channel.head.offset, limit });
      channel.whenCurrent(frame.after, answer, (reason) => this.refuse(asker, reason, "", channel.slot));
    });
  }

  // --- Host: what channels and slots need

  readonly emit = (effect: Effect): void => {
    if (effect.type === "claim") this.counters.claims++;
    if (effect.type === "append") this.#backlog.departs(effect.append, effect.entries);
    this.#effects.push(effect);
  };

  nextId(): number {
    return ++this.#ids;
  }

  published(asker: Asker, published: PublishedBytes): void {
    this.#backlog.answered(asker);
    if (published.duplicate) this.counters.duplicates++;
    else this.counters.published++;
    const { offset, ts } = published;
    if ("link" in asker) this.emit({ type: "send", link: asker.link, frame: { type: "ack", req: asker.req, offset, ts } });
    else this.emit({ type: "answer", req: asker.req, reply: { type: "published", published } });
  }

  admit(channel: string): number {
    const waitMs = this.#messages.take(channel, this.#now);
    if (waitMs > 0) this.counters.rateLimited++;
    return waitMs;
  }

  refuse(asker: Asker, reason: Reason, detail: string, slot: number, retryAfterMs = reason === "rate_limited" ? limits.queueFullMs : 0): void {
    this.#backlog.answered(asker);
    this.refusals[reason] = (this.refusals[reason] ?? 0) + 1;
    if ("link" in asker) return this.emit({ type: "send", link: asker.link, frame: { type: "refused", req: asker.req, reason, detail, retryAfterMs } });
    this.emit({ type: "answer", req: asker.req, reply: { type: "refused", reason, detail, retryAfterMs, owner: this.#ownership.elsewhere(slot), epoch: this.epoch } });
  }

  doubt(channel: Channel): number {
    return this.#slots.doubt(channel);
  }

  touch(channel: Channel): void {
    this.#touched.add(channel);
  }

  stalled(channel: Channel): void {
    this.#stalled.add(channel, this.#now);
  }

  givenUp(channel: Channel): void {
    this.#looks.add(channel, this.#now);
  }

  recovered(): void {
    this.#stalled.recovered(this.#now);
  }

  moved(sub: Subscription): void {
    this.counters.moved++;
    this.#links.forget(sub);
    const owner = this.#ownership.elsewhere(this.#slotOf(sub.channel));
    this.emit({ type: "send", link: sub.link, frame: { type: "moved", chan: sub.chan, epoch: this.epoch, owner } });
  }
}
