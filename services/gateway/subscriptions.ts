/**
 * The channels that sessions here care about: each is subscribed once, at the first server of its preference list whose
 * link isn't broken, and follows that server when links break, open again, or the ring changes. Only the event after the
 * last one is taken, so whatever the way it came there is no gap, no duplicate and no other order.
 */
import { AFTER_HEAD, eventKinds, type Link as Frame } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import type { CatchUp } from "./catch-up.ts";
import type { Gap } from "./client-frames.ts";
import { backOffMs, doubtMs, nextU32, type Core } from "./core.ts";
import type { Outgoing, SessionId } from "./events.ts";
import type { Link, Links } from "./links.ts";
import type { Pending } from "./publishes.ts";
import { Subscribers } from "./subscribers.ts";
import type { Timer } from "../runtime/timers.ts";
import { messageTime } from "./message-time.ts";

const backOff = { least: 20, most: 250 };
/** When those are asked for that were too many for one step, ms. */
const askLaterMs = 10;
/** A hole that is still there after this many replays is one in the log: it is reported and passed over. */
const holeTries = 3;
/** `last` before any owner answered. */
export const UNKNOWN = -1;

export interface Subscription {
  readonly channel: string;
  /** sessions and publishes that need it; at 0 it ends */
  refs: number;
  /** idle: no server to ask; waiting: for the link to open; asked, subscribed; gapped: asks what it missed; pausing: after `moved` */
  state: "idle" | "waiting" | "asked" | "subscribed" | "gapped" | "pausing";
  link: Link | undefined;
  /** connection and link-local number of the current try, 0 when there is none */
  conn: number;
  chan: number;
  /** offset of the last event that was taken */
  last: number;
  moves: number;
  /** it went where `moved` sent it, and was not subscribed since */
  hopped: boolean;
  /** epoch of a topology that sent it where it is and that is not known here yet; 0 where ours did */
  ahead: number;
  /** number of the read that asks about a gap, 0 = none */
  gapRead: number;
  holes: number;
  /** since when servers answer with a head below `last` */
  doubtedAt: number | undefined;
  timer: Timer | undefined;
  readonly live: Subscribers;
  readonly catching: Map<SessionId, CatchUp>;
  /** sessions that want to know when it is subscribed */
  readonly waiters: Set<SessionId>;
  readonly pending: Set<Pending>;
  /** the delivery of this step that one more event may join */
  open: { readonly step: number; readonly to: readonly SessionId[]; readonly transient: boolean; readonly events: Outgoing[] } | undefined;
}

export interface SubscriptionHooks {
  /** subscribed, for the first time or again */
  ready(sub: Subscription): void;
  /** what was sent on its link may never be answered */
  lost(sub: Subscription): void;
  /** it took an event while sessions are catching up */
  advanced(sub: Subscription): void;
  control(sub: Subscription, payload: Uint8Array): void;
  /** events were passed over, for all its sessions */
  gapped(sub: Subscription, gap: Gap): void;
  /** an event of clients went to its live sessions */
  shown(sub: Subscription, frame: Frame<"event">): void;
}

export class Subscriptions {
  readonly #core: Core;
  readonly #links: Links;
  readonly #hooks: SubscriptionHooks;
  readonly #byChannel = new Map<string, Subscription>();
  readonly #byChan = new Map<number, Subscription>();
  /** by the number of the read that asks about their gap */
  readonly #gapped = new Map<number, Subscription>();
  #lastChan = 0;
  /** of this step: how many owners were asked, and which links the others wait for */
  #asked = { step: 0, count: 0 };
  readonly #askLater = new Set<Link>();

  constructor(core: Core, links: Links, hooks: SubscriptionHooks) {
    this.#core = core;
    this.#links = links;
    this.#hooks = hooks;
  }

  get size(): number {
    return this.#byChannel.size;
  }

  /** One more user of the channel; the first subscribes. */
  acquire(channel: string): Subscription {
    let sub = this.#byChannel.get(channel);
    if (sub === undefined) {
      sub = {
        channel,
        refs: 0,
        state: "idle",
        link: undefined,
        conn: 0,
        chan: 0,
        last: UNKNOWN,
        moves: 0,
        hopped: false,
        ahead: 0,
        gapRead: 0,
        holes: 0,
        doubtedAt: undefined,
        timer: undefined,
        live: new Subscribers(),
        catching: new Map(),
        waiters: new Set(),
        pending: new Set(),
        open: undefined,
      };
      this.#byChannel.set(channel, sub);
      this.#route(sub);
    }
    sub.refs++;
    return sub;
  }

  /** One user less; the last unsubscribes. */
  release(sub: Subscription): void {
    if (--sub.refs > 0) return;
    this.#leave(sub);
    this.#byChannel.delete(sub.channel);
  }

  get(channel: string): Subscription | undefined {
    return this.#byChannel.get(channel);
  }

  /** How many sessions listen to a channel here, and the offset up to which they were served: null before its owner answered. */
  describe(channel: string): { readonly subscribers: number; readonly last: number | null } {
    const sub = this.#byChannel.get(channel);
    if (sub === undefined) return { subscribers: 0, last: null };
    return { subscribers: sub.live.size + sub.catching.size, last: sub.last === UNKNOWN ? null : sub.last };
  }

  /** The ring changed. */
  reroute(): void {
    for (const sub of this.#byChannel.values()) this.#route(sub);
  }

  linkOpened(link: Link): void {
    for (const sub of this.#byChannel.values()) {
      if (sub.state === "waiting" && sub.link === link) this.#ask(sub, link);
      else if (sub.state !== "pausing") this.#route(sub);
    }
  }

  linkBroke(link: Link): void {
    for (const sub of this.#byChannel.values()) {
      if (sub.link !== link) continue;
      this.#leave(sub);
      this.#route(sub);
    }
  }

  /** The server that it is subscribed at does not serve the channel any more, as an answer to a request shows. */
  refusedBy(sub: Subscription): void {
    if (sub.state === "subscribed") this.#pause(sub);
  }

  onSubscribed(conn: number, frame: Frame<"subscribed">): void {
    const sub = this.#find(conn, frame.chan);
    if (sub === undefined || (sub.state !== "asked" && sub.state !== "subscribed")) return;
    const before = sub.last;
    if (frame.head < before) {
      sub.doubtedAt ??= this.#core.now;
      if (this.#core.now - sub.doubtedAt < doubtMs) return this.#pause(sub);
    } else if (before !== UNKNOWN && frame.first > before + 1) return this.#askGap(sub);
    if (sub.state === "subscribed") return;
    sub.doubtedAt = undefined;
    sub.state = "subscribed";
    sub.moves = 0;
    sub.hopped = false;
    if (before === UNKNOWN) sub.last = frame.head;
    else if (frame.head < before) this.#gap(sub, { head: frame.head }); // a store that forgets was restarted
    this.#hooks.ready(sub);
  }

  /** What it asked about a gap is answered. @returns false when the number is not that of such a question */
  onWindow(conn: number, { req, from, afterTs, fromTs }: Frame<"window">): boolean {
    const sub = this.#gapped.get(req);
    if (sub?.conn !== conn) return false;
    this.#gap(sub, { head: from, oldest: afterTs, latest: fromTs });
    this.#again(sub);
    return true;
  }

  /** @returns false when the number is not that of a question about a gap */
  onRefused({ req }: Frame<"refused">): boolean {
    const sub = this.#gapped.get(req);
    if (sub === undefined) return false;
    this.#pause(sub);
    return true;
  }

  onMoved(conn: number, frame: Frame<"moved">): void {
    const sub = this.#find(conn, frame.chan);
    if (sub === undefined) return;
    const link = sub.hopped || frame.epoch < (this.#core.ring?.epoch ?? 0) ? undefined : this.#links.openTo("channel", frame.owner);
    if (link === undefined || link === sub.link) return this.#pause(sub);
    this.#core.counters.moved++;
    this.#leave(sub);
    sub.hopped = true;
    sub.ahead = frame.epoch;
    sub.link = link;
    this.#ask(sub, link);
  }

  onEvent(conn: number, frame: Frame<"event">): void {
    const sub = this.#find(conn, frame.chan);
    if (sub === undefined || sub.state === "gapped") return;
    if (sub.last === UNKNOWN) sub.last = frame.offset - 1;
    if (frame.offset <= sub.last) {
      this.#core.counters.duplicates++;
      return;
    }
    if (frame.offset > sub.last + 1) {
      this.#core.counters.holes++;
      if (++sub.holes < holeTries) return this.#again(sub);
      this.#gap(sub, { head: frame.offset - 1 });
    }
    sub.holes = 0;
    sub.last = frame.offset;
    this.#core.counters.events++;
    if (frame.kind === eventKinds.client) {
      const sentAt = messageTime(frame.payload);
      if (sentAt !== undefined) this.#core.times.delivery.observe(this.#core.wallMs - sentAt);
      this.deliver(sub, frame.payload, frame.origin, false);
      this.#hooks.shown(sub, frame);
    }
    else if (frame.kind === eventKinds.control) this.#hooks.control(sub, frame.payload);
    if (sub.catching.size > 0) this.#hooks.advanced(sub);
  }

  onTransient(conn: number, frame: Frame<"transient">): void {
    const sub = this.#find(conn, frame.chan);
    if (sub !== undefined) this.deliver(sub, frame.payload, frame.origin, true);
  }

  /** To all live sessions; events of one step that follow each other go out as one delivery. */
  deliver(sub: Subscription, payload: Uint8Array, origin: number, transient: boolean): void {
    if (sub.live.size === 0) return;
    const to = sub.live.lend();
    const { open } = sub;
    if (open !== undefined && open.step === this.#core.stepNumber && open.to === to && open.transient === transient) {
      open.events.push({ payload, origin });
      return;
    }
    const events = [{ payload, origin }];
    sub.open = { step: this.#core.stepNumber, to, transient, events };
    this.#core.emit({ type: "deliver", to, events, transient });
  }

  /** Asks again, there or elsewhere, after a pause. */
  #pause(sub: Subscription): void {
    this.#core.counters.moved++;
    this.#leave(sub);
    sub.state = "pausing";
    sub.timer = this.#core.after(backOffMs(sub.moves++, backOff.least, backOff.most), () => {
      sub.state = "idle";
      this.#route(sub);
    });
  }

  #find(conn: number, chan: number): Subscription | undefined {
    const sub = this.#byChan.get(chan);
    return sub?.conn === conn ? sub : undefined;
  }

  /** Puts the subscription where it belongs now, unless it is there. */
  #route(sub: Subscription): void {
    // It is where a topology sent it that comes here later; ours would send it back.
    if (sub.ahead > (this.#core.ring?.epoch ?? 0) && sub.link?.broken === false) return;
    const link = this.#links.target("channel", sub.channel);
    if (link !== undefined && link === sub.link && sub.state !== "idle" && sub.state !== "pausing") return;
    this.#leave(sub);
    sub.link = link;
    if (link === undefined) return;
    if (link.state === "open") this.#ask(sub, link);
    else sub.state = "waiting";
  }

  #ask(sub: Subscription, link: Link): void {
    if (!this.#mayAsk(link)) {
      sub.state = "waiting";
      return;
    }
    sub.state = "asked";
    sub.conn = link.conn;
    do this.#lastChan = nextU32(this.#lastChan);
    while (this.#byChan.has(this.#lastChan));
    sub.chan = this.#lastChan;
    this.#byChan.set(sub.chan, sub);
    this.#links.tellEpoch(link, Math.max(this.#core.ring?.epoch ?? 0, sub.ahead));
    this.#links.send(sub.conn, { type: "subscribe", chan: sub.chan, after: sub.last === UNKNOWN ? AFTER_HEAD : sub.last, id: sub.channel });
  }

  /** A gateway that has a link again has all that it holds there to ask for: by and by, so that no queue is full of it. */
  #mayAsk(link: Link): boolean {
    if (this.#asked.step !== this.#core.stepNumber) this.#asked = { step: this.#core.stepNumber, count: 0 };
    if (++this.#asked.count <= limits.subscribesAtOnce) return true;
    if (!this.#askLater.has(link)) {
      this.#askLater.add(link);
      this.#core.after(askLaterMs, () => {
        this.#askLater.delete(link);
        if (link.state !== "open") return;
        for (const sub of this.#byChannel.values()) if (sub.state === "waiting" && sub.link === link) this.#ask(sub, link);
      });
    }
    return false;
  }

  /** At the same server, for the events that are missing. */
  #again(sub: Subscription): void {
    const { link, ahead } = sub;
    this.#leave(sub);
    sub.link = link;
    sub.ahead = ahead;
    if (link?.state === "open") this.#ask(sub, link);
  }

  /** Ends the current try; frames that are still on their way for it find no subscription. */
  #leave(sub: Subscription): void {
    this.#core.cancel(sub.timer);
    if (sub.chan !== 0) {
      if (this.#links.isOpen(sub.conn)) this.#links.send(sub.conn, { type: "unsubscribe", chan: sub.chan });
      this.#byChan.delete(sub.chan);
      sub.chan = 0;
      sub.conn = 0;
      this.#hooks.lost(sub);
    }
    this.#gapped.delete(sub.gapRead);
    sub.gapRead = 0;
    sub.ahead = 0;
    sub.link = undefined;
    sub.state = "idle";
  }

  /** More was missed than is replayed. What does not come is known by its ts to the owner alone; it is asked before anybody is told. */
  #askGap(sub: Subscription): void {
    sub.state = "gapped";
    sub.gapRead = this.#core.nextReq();
    this.#gapped.set(sub.gapRead, sub);
    this.#links.send(sub.conn, { type: "read", req: sub.gapRead, chan: sub.chan, after: sub.last, limit: 1, maxAgeMs: 0, maxEvents: limits.resumeEvents });
  }

  #gap(sub: Subscription, gap: Omit<Gap, "channel" | "after">): void {
    const after = sub.last;
    sub.last = gap.head;
    sub.holes = 0;
    this.#core.counters.gaps++;
    this.#hooks.gapped(sub, { ...gap, channel: sub.channel, after });
  }
}
