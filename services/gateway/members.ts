/** Which sessions are in which channels: only these publish there, and only these get what is published. */
import type { Control, MembershipControl } from "../protocol/mesh.ts";
import { isId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import type { CatchUps } from "./catch-up.ts";
import { gap } from "./client-frames.ts";
import type { Core } from "./core.ts";
import type { SessionId } from "./events.ts";
import type { Member, Session, Sessions } from "./sessions.ts";
import { UNKNOWN, type Subscription, type Subscriptions } from "./subscriptions.ts";

export class Members {
  readonly #core: Core;
  readonly #sessions: Sessions;
  readonly #subs: Subscriptions;
  readonly #catchUps: CatchUps;

  constructor(core: Core, sessions: Sessions, subs: Subscriptions, catchUps: CatchUps) {
    this.#core = core;
    this.#sessions = sessions;
    this.#subs = subs;
    this.#catchUps = catchUps;
  }

  /** @param after deliver the channel's events beyond this offset; undefined: only what comes */
  join(session: Session, channel: string, after: number | undefined): void {
    if (session.members.has(channel)) return;
    const known = Math.max(after ?? -1, session.left.get(channel) ?? -1);
    const member: Member = { sub: this.#subs.acquire(channel), mode: "boot", after: known < 0 ? undefined : known, place: -1 };
    session.members.set(channel, member);
    if (session.phase === "live") {
      this.start(session, member);
      if (member.mode === "live") this.#tellGap(session, member.sub); // found late: nobody said since when
    } else if (member.sub.last === UNKNOWN) member.sub.waiters.add(session.id);
  }

  leave(session: Session, channel: string): void {
    const member = session.members.get(channel);
    if (member === undefined || channel === session.user) return;
    const at = member.mode === "live" ? member.sub.last : (member.sub.catching.get(session.id)?.cursor ?? member.after);
    if (at !== undefined) session.left.set(channel, at);
    this.#end(session, channel, member);
  }

  leaveAll(session: Session): void {
    this.#catchUps.gone(session.id);
    for (const [channel, member] of [...session.members]) this.#end(session, channel, member);
  }

  /** The session had its hello: events may flow. */
  start(session: Session, member: Member): void {
    const { sub, after } = member;
    if (after !== undefined) {
      member.mode = "catching";
      this.#catchUps.start(sub, session.id, after);
    } else if (sub.last === UNKNOWN) {
      member.mode = "fresh";
      sub.waiters.add(session.id);
    } else {
      member.mode = "live";
      sub.live.add(session.id, member);
    }
  }

  /** The first answer for a channel that a session joined before it: what came in between is not known. */
  freshReady(session: Session, sub: Subscription): void {
    const member = session.members.get(sub.channel);
    if (member?.mode !== "fresh") return;
    this.#tellGap(session, sub);
    member.mode = "live";
    sub.live.add(session.id, member);
  }

  caughtUp(sub: Subscription, id: SessionId): void {
    const member = this.#sessions.get(id)?.members.get(sub.channel);
    if (member === undefined) return;
    member.mode = "live";
    sub.live.add(id, member);
  }

  /** From the user's own channel, to all of the user's sessions. @returns false where the session holds more than it may */
  control(session: Session, control: MembershipControl): boolean {
    if (session.asking) return session.controls.push(control) <= limits.sessionPendingChanges;
    if ("join" in control) this.join(session, control.join, control.after);
    else this.leave(session, control.leave);
    return session.left.size <= limits.sessionLeftChannels;
  }

  #tellGap(session: Session, sub: Subscription): void {
    this.#core.counters.gaps++;
    this.#core.emit({ type: "send", session: session.id, text: gap({ channel: sub.channel, head: sub.last }) });
  }

  #end(session: Session, channel: string, member: Member): void {
    const { sub } = member;
    session.members.delete(channel);
    sub.waiters.delete(session.id);
    sub.live.remove(member);
    this.#catchUps.cancel(sub, session.id);
    this.#subs.release(sub);
  }
}

/** The JSON of a control event; undefined when it is none that we know. */
export function parseControl(payload: Uint8Array): Control | undefined {
  let value: Partial<Record<string, unknown>>;
  try {
    value = JSON.parse(new TextDecoder().decode(payload)) as typeof value;
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { join, leave, after, presence, at } = value;
  if (presence === "auto" || presence === "away") return typeof at === "number" && Number.isSafeInteger(at) && at >= 0 ? { presence, at } : undefined;
  if (typeof join === "string" && isId(join)) return { join, after: typeof after === "number" && Number.isSafeInteger(after) && after >= 0 ? after : 0 };
  return typeof leave === "string" && isId(leave) ? { leave } : undefined;
}
