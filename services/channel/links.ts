import { LINK_VERSION, type Link, type LinkFrame } from "../protocol/link.ts";
import { isId } from "../protocol/ids.ts";
import type { Emit } from "./events.ts";
import { Subscription } from "./subscription.ts";

/** A link that says nothing for this long is closed, ms; gateways ping each second. */
const silenceMs = 10_000;

interface LinkState {
  heardAt: number;
  /** of the topology by which its gateway routes */
  epoch: number;
  readonly subs: Map<number, Subscription>;
}

/** What frames of a link ask for that only the channel can do. */
export interface LinkHost {
  readonly emit: Emit;
  nextId(): number;
  /** @param epoch of the topology by which its gateway chose this server */
  subscribe(sub: Subscription, epoch: number): void;
  unsubscribe(sub: Subscription): void;
  publish(sub: Subscription, frame: Link<"publish">): void;
  typing(sub: Subscription, frame: Link<"typing">): void;
  read(sub: Subscription, frame: Link<"read">): void;
}

/** The links of gateways and their subscriptions, by the number that each gateway gave. */
export class Links {
  readonly #host: LinkHost;
  readonly #links = new Map<number, LinkState>();
  #subscriptions = 0;

  constructor(host: LinkHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#links.size;
  }

  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** Whether it is not over. */
  has(sub: Subscription): boolean {
    return this.#links.get(sub.link)?.subs.get(sub.chan) === sub;
  }

  open(link: number, server: string, epoch: number, now: number): void {
    this.#links.set(link, { heardAt: now, epoch: 0, subs: new Map() });
    this.#host.emit({ type: "send", link, frame: { type: "hello", v: LINK_VERSION, server, epoch } });
  }

  closed(link: number): void {
    for (const sub of this.#links.get(link)?.subs.values() ?? []) this.#end(sub);
    this.#links.delete(link);
  }

  /** The subscription is over and its gateway knows. */
  forget(sub: Subscription): void {
    if (!this.has(sub)) return;
    this.#links.get(sub.link)!.subs.delete(sub.chan);
    this.#subscriptions--;
  }

  closeSilent(now: number): void {
    for (const [link, { heardAt }] of [...this.#links]) if (now - heardAt >= silenceMs) this.#close(link, "silent");
  }

  receive(link: number, frame: LinkFrame, now: number): void {
    const state = this.#links.get(link);
    if (state === undefined) return;
    state.heardAt = now;
    switch (frame.type) {
      case "hello":
        if (frame.v !== LINK_VERSION) return this.#close(link, `link version ${frame.v} is not ${LINK_VERSION}`);
        state.epoch = frame.epoch;
        return;
      case "epoch":
        state.epoch = frame.epoch;
        return;
      case "ping":
        return this.#host.emit({ type: "send", link, frame: { type: "pong", at: frame.at } });
      case "pong":
        return;
      case "subscribe":
        return this.#subscribe(link, state, frame);
      case "unsubscribe": {
        const sub = state.subs.get(frame.chan);
        if (sub !== undefined) this.#end(sub);
        return;
      }
      case "publish":
      case "read": {
        const sub = state.subs.get(frame.chan);
        // The gateway could not know yet that the subscription is over.
        if (sub === undefined) this.#host.emit({ type: "send", link, frame: { type: "refused", req: frame.req, reason: "misdirected", detail: "not subscribed", retryAfterMs: 0 } });
        else if (frame.type === "publish") this.#host.publish(sub, frame);
        else this.#host.read(sub, frame);
        return;
      }
      case "typing": {
        const sub = state.subs.get(frame.chan);
        if (sub !== undefined) this.#host.typing(sub, frame);
        return;
      }
      default:
        return this.#close(link, `${frame.type} is not for a channel server`);
    }
  }

  #subscribe(link: number, state: LinkState, { chan, id, after }: Link<"subscribe">): void {
    if (!isId(id)) return this.#close(link, "subscribe.id is not an ID");
    const former = state.subs.get(chan);
    if (former !== undefined) this.#end(former);
    const sub = new Subscription(this.#host.nextId(), link, chan, id, after, this.#host.emit);
    state.subs.set(chan, sub);
    this.#subscriptions++;
    this.#host.subscribe(sub, state.epoch);
  }

  #end(sub: Subscription): void {
    this.forget(sub);
    this.#host.unsubscribe(sub);
  }

  #close(link: number, reason: string): void {
    this.#host.emit({ type: "close", link, code: 1002, reason });
    this.closed(link);
  }
}
