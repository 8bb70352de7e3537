/**
 * A session's way from the upgrade to its hello: ticket, the user's own channel, the list of channels, a subscription for
 * each. In this order nothing is missed: whatever changes after the list was made is told on the user's channel.
 */
import { isId, userOfTicket } from "../protocol/ids.ts";
import type { Session as Ticketed } from "../protocol/mesh.ts";
import type { Reason } from "../protocol/problems.ts";
import { backOffMs, type Core } from "./core.ts";
import type { SessionId } from "./events.ts";
import type { Members } from "./members.ts";
import type { Session, Sessions } from "./sessions.ts";
import { UNKNOWN, type Subscription } from "./subscriptions.ts";

/** An accepted upgrade whose socket never opens is forgotten after this time. */
const openWithinMs = 10_000;
const listAgain = { least: 100, most: 2_000 };

export interface BootHooks {
  /** it has all it needs: say hello */
  booted(session: Session): void;
  /** its channels could not be learnt in time */
  failed(session: Session): void;
  /** why no client is taken now */
  closed(): { readonly reason: Reason; readonly detail: string } | undefined;
}

export class Boot {
  readonly #core: Core;
  readonly #sessions: Sessions;
  readonly #members: Members;
  readonly #hooks: BootHooks;

  constructor(core: Core, sessions: Sessions, members: Members, hooks: BootHooks) {
    this.#core = core;
    this.#sessions = sessions;
    this.#members = members;
    this.#hooks = hooks;
  }

  upgrade(id: SessionId, ticket: string): void {
    const closed = this.#hooks.closed();
    if (closed !== undefined) return this.#refuse(id, closed.reason, closed.detail);
    if (this.#sessions.size >= this.#core.options.maxSessions) return this.#refuse(id, "overloaded", "this gateway has as many sessions as it takes");
    if (userOfTicket(ticket) === undefined) return this.#refuse(id, "bad_ticket", "");
    this.#sessions.add(id, this.#core.now);
    this.#core.emit({ type: "redeem", session: id, ticket });
  }

  /** The ticket is used up now, so the session is taken even where the gateway began to drain meanwhile. */
  redeemed(id: SessionId, ticketed: Ticketed): void {
    const session = this.#sessions.get(id);
    if (session?.phase !== "redeeming") return;
    session.phase = "accepting";
    session.user = ticketed.user.id;
    session.ticketed = ticketed;
    session.timer = this.#core.after(openWithinMs, () => this.#sessions.remove(session));
    this.#core.counters.accepted++;
    this.#core.emit({ type: "accept", session: id });
  }

  /** @param status of webapp's answer, 0 = none */
  unredeemed(id: SessionId, status: number): void {
    const session = this.#sessions.get(id);
    if (session?.phase !== "redeeming") return;
    this.#sessions.remove(session);
    if (status >= 400 && status < 500 && status !== 429) this.#refuse(id, "bad_ticket", "");
    else this.#refuse(id, "unavailable", "the ticket could not be checked");
  }

  opened(session: Session): void {
    if (session.phase !== "accepting") return;
    this.#core.cancel(session.timer);
    session.phase = "user";
    session.aliveAt = this.#core.now;
    this.#sessions.enlist(session);
    this.#members.join(session, session.user, session.ticketed?.offsets[session.user]);
    const { helloWithinMs } = this.#core.options;
    session.timer = this.#core.after(helloWithinMs / 2, () => {
      if (session.phase === "user") {
        session.listAgain = true;
        this.#ask(session);
      }
      session.timer = this.#core.after(helloWithinMs / 2, () => this.#tooLong(session));
    });
    if (session.members.get(session.user)!.sub.last !== UNKNOWN) this.#ask(session);
  }

  listed(session: Session, channels: readonly string[]): void {
    if (!session.asking) return;
    session.asking = false;
    session.listFailures = 0;
    const now = new Set(channels.filter(isId));
    for (const channel of [...session.members.keys()]) if (!now.has(channel)) this.#members.leave(session, channel);
    for (const channel of now) this.#members.join(session, channel, session.ticketed?.offsets[channel]);
    for (const control of session.controls.splice(0)) this.#members.control(session, control);
    if (session.phase !== "listing") return this.booted(session);
    session.phase = "joining";
    this.#perhapsDone(session);
  }

  /** After hello: catches up with what may have been missed before it. */
  booted(session: Session): void {
    if (session.listAgain && session.members.get(session.user)?.sub.last !== UNKNOWN) this.relist(session);
  }

  unlisted(session: Session): void {
    if (!session.asking) return;
    this.#core.after(backOffMs(session.listFailures++, listAgain.least, listAgain.most), () => {
      if (this.#sessions.get(session.id) === session) this.#core.emit({ type: "list", session: session.id, user: session.user });
    });
  }

  /** Membership changes of the user may have been missed. */
  relist(session: Session): void {
    session.listAgain = session.phase !== "live" || session.asking;
    if (!session.listAgain) this.#ask(session);
  }

  /** A channel that the session waits for answered for the first time. */
  ready(session: Session, sub: Subscription): void {
    if (session.phase === "user" && sub.channel === session.user) this.#ask(session);
    else if (session.phase === "joining") this.#perhapsDone(session);
  }

  #ask(session: Session): void {
    if (session.phase === "user") session.phase = "listing";
    session.asking = true;
    this.#core.emit({ type: "list", session: session.id, user: session.user });
  }

  #perhapsDone(session: Session): void {
    for (const { sub } of session.members.values()) if (sub.last === UNKNOWN) return;
    this.#done(session);
  }

  #tooLong(session: Session): void {
    if (session.phase === "joining") this.#done(session);
    else this.#hooks.failed(session);
  }

  #done(session: Session): void {
    this.#core.cancel(session.timer);
    session.timer = undefined;
    this.#forgetOffsets(session);
    this.#hooks.booted(session);
  }

  /** Those that are used up: a session is long, and they may be thousands. A channel may still be found late. */
  #forgetOffsets(session: Session): void {
    const { ticketed, members } = session;
    if (ticketed !== undefined) session.ticketed = { ...ticketed, offsets: Object.fromEntries(Object.entries(ticketed.offsets).filter(([channel]) => !members.has(channel))) };
  }

  #refuse(session: SessionId, reason: Reason, detail: string): void {
    this.#core.counters.refused++;
    this.#core.emit({ type: "refuse", session, reason, detail });
  }
}
