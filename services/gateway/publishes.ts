/**
 * Messages from sockets that wait for their ack. They stay here, in order, until an owner acked or refused them, and are sent
 * again with the same key whenever the channel's subscription is new; owners recognise the key, so nothing is stored twice.
 */
import type { ClientError } from "../protocol/client.ts";
import type { Link as Frame } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import { microsOf } from "../runtime/clock.ts";
import type { Core } from "./core.ts";
import type { SessionId } from "./events.ts";
import type { Links } from "./links.ts";
import type { Subscription } from "./subscriptions.ts";

export interface Publish {
  readonly session: SessionId;
  readonly user: string;
  readonly replyTo: number | string | undefined;
  readonly text: string;
  /** idempotency key; undefined: one is made */
  readonly key: string | undefined;
  readonly draft: Uint8Array;
}

export interface Pending extends Publish {
  readonly req: number;
  readonly key: string;
  readonly sub: Subscription;
  readonly until: number;
  readonly since: number;
  /** see Hops */
  readonly taken: number;
  /** sent on the subscription that its channel has now */
  sent: boolean;
}

export interface PublishHooks {
  acked(pending: Pending, offset: number, ts: string): void;
  refused(pending: Pending, error: ClientError, detail: string, retryAfterMs: number): void;
  /** the server does not take publishes of this channel */
  misdirected(sub: Subscription): void;
  done(sub: Subscription): void;
}

export class Publishes {
  readonly #core: Core;
  readonly #links: Links;
  readonly #hooks: PublishHooks;
  /** by request number, which is also the order of their deadlines */
  readonly #pending = new Map<number, Pending>();
  readonly #perSession = new Map<SessionId, number>();
  /** of the drafts and texts that wait, also of sessions that are gone */
  #bytes = 0;
  #watching = false;

  constructor(core: Core, links: Links, hooks: PublishHooks) {
    this.#core = core;
    this.#links = links;
    this.#hooks = hooks;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Whether one more publish of the session would be too many. */
  full(session: SessionId): boolean {
    if (this.#pending.size >= limits.gatewayPendingPublishes || this.#bytes >= limits.gatewayPendingBytes) return true;
    return this.waiting(session) >= limits.sessionPendingPublishes;
  }

  /** How many publishes of the session wait for an answer. */
  waiting(session: SessionId): number {
    return this.#perSession.get(session) ?? 0;
  }

  /** @param sub acquired for this publish; given back by `done` */
  add(sub: Subscription, publish: Publish): void {
    const req = this.#core.nextReq();
    const key = publish.key ?? `${this.#core.options.id}-${publish.session.toString(36)}-${req}`;
    const pending: Pending = { ...publish, key, req, sub, until: this.#core.now + this.#core.options.publishWithinMs, since: this.#core.now, taken: microsOf(this.#core.wallMs), sent: false };
    this.#pending.set(req, pending);
    this.#bytes += bytesOf(pending);
    this.#perSession.set(publish.session, this.waiting(publish.session) + 1);
    sub.pending.add(pending);
    this.#core.counters.published++;
    if (sub.state === "subscribed") this.#send(pending);
    if (!this.#watching) this.#watch();
  }

  /** Its channel is subscribed anew: sends what waits, in the order it came. */
  ready(sub: Subscription): void {
    for (const pending of sub.pending) if (!pending.sent) this.#send(pending);
  }

  lost(sub: Subscription): void {
    for (const pending of sub.pending) pending.sent = false;
  }

  onAck(frame: Frame<"ack">): void {
    const pending = this.#pending.get(frame.req);
    if (pending === undefined) return;
    this.#core.counters.acked++;
    this.#core.times.ack.observe(this.#core.now - pending.since);
    pending.sub.open = undefined; // events that follow the ack on the link follow it on the socket too
    this.#hooks.acked(pending, frame.offset, frame.ts);
    this.#forget(pending);
  }

  /**
   * @param conn the connection that it came on: one that the channel has left says nothing of what was sent again elsewhere
   * @returns false when the number is not that of a publish
   */
  onRefused(conn: number, frame: Frame<"refused">): boolean {
    const pending = this.#pending.get(frame.req);
    if (pending === undefined) return false;
    if (pending.sub.conn !== conn) return true;
    if (frame.reason === "misdirected" || frame.reason === "unavailable") {
      pending.sent = false;
      this.#hooks.misdirected(pending.sub);
    } else this.#refuse(pending, errorOf(frame.reason), frame.detail, frame.retryAfterMs);
    return true;
  }

  #send(pending: Pending): void {
    const { req, sub, session, user, key, taken, draft } = pending;
    pending.sent = true;
    this.#links.send(sub.conn, { type: "publish", req, chan: sub.chan, origin: session, user, key, taken, trace: "", draft });
  }

  #refuse(pending: Pending, error: ClientError, detail: string, retryAfterMs: number): void {
    this.#core.counters.publishesRefused++;
    this.#core.emit({ type: "unpublished", req: pending.req, error });
    this.#hooks.refused(pending, error, detail, retryAfterMs);
    this.#forget(pending);
  }

  #forget(pending: Pending): void {
    this.#pending.delete(pending.req);
    this.#bytes -= bytesOf(pending);
    const left = this.waiting(pending.session) - 1;
    if (left === 0) this.#perSession.delete(pending.session);
    else this.#perSession.set(pending.session, left);
    pending.sub.pending.delete(pending);
    this.#hooks.done(pending.sub);
  }

  /** One timer, for the oldest. */
  #watch(): void {
    const [oldest] = this.#pending.values();
    this.#watching = oldest !== undefined;
    if (oldest === undefined) return;
    this.#core.after(Math.max(oldest.until - this.#core.now, 0), () => {
      for (const pending of this.#pending.values()) {
        if (pending.until > this.#core.now) break;
        this.#refuse(pending, "unavailable", "", 0);
      }
      this.#watch();
    });
  }
}

function bytesOf({ draft, text }: Publish): number {
  return draft.length + 2 * text.length;
}

/** What an owner's refusal is called towards clients. */
function errorOf(reason: string): ClientError {
  if (reason === "rate_limited" || reason === "store_unavailable" || reason === "msg_too_long") return reason;
  return reason === "bad_request" || reason === "bad_json" ? "bad_frame" : "unavailable";
}
