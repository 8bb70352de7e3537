/**
 * How wrong presence was: what watchers were shown, beside who was there. What the plane promises is in docs/protocol.md, "Presence". Pure: whoever feeds
 * it says when, in milliseconds of any clock.
 */

/** What is true of a plane with its default times, ms. */
export const bounds = {
  /** somebody with a live socket is shown as away for so long at most: the grace period */
  awayMs: 5_000,
  /** somebody without one is shown as active for so long at most: a silent gateway's 3 s, the grace period, a new server's wait of 2 s, and the way */
  activeMs: 11_000,
  /** who asks is told within so long: a silent presence server's 3 s, the next one's wait, and what a link that breaks meanwhile adds to it */
  untoldMs: 8_000,
} as const;

/** Nobody is called away who was there so shortly before: somewhat less than the grace period, as others' clocks are not ours. */
const backWithinMs = 4_000;
/** Who was away for long is called so until it is known that they are back. */
const knownAfterMs = 2_000;
/** When a presence server was hurt, what it knew of grace periods is lost, and the others learn that somebody is gone so long after it is whole again at most. */
const forgivenMs = 3_000;
/** After the last event so long has to pass, or what it did is not seen yet. */
export const aftermathMs = bounds.awayMs + 2_000;

type Kind = "away" | "active" | "untold";

/** Longest times of wrong presence, ms, and how often somebody was called away who was there, or a moment ago. */
export interface Seen {
  readonly awayMs: number;
  readonly activeMs: number;
  readonly untoldMs: number;
  readonly early: number;
}

/** What was done to the plane. */
export interface Span {
  readonly from: number;
  readonly to: number;
  /** a presence server was killed or stopped */
  readonly hurtsPresence: boolean;
}

interface Interval {
  readonly kind: Kind;
  readonly from: number;
  to: number | undefined;
}

interface User {
  isLive: boolean;
  /** when they came, and when they were lost; a short absence is none */
  cameAt: number;
  leftAt: number;
}

/** One watcher's view of one user. */
interface View {
  /** undefined before the first answer; kept over a reconnect, as a client's screen keeps it */
  shown: boolean | undefined;
  wrong: Interval | undefined;
  untold: Interval | undefined;
}

export class PresenceJudge {
  readonly #users: ReadonlyMap<string, User>;
  /** watcher → user */
  readonly #views: ReadonlyMap<string, ReadonlyMap<string, View>>;
  readonly #intervals: Interval[] = [];
  readonly #early: number[] = [];

  constructor(watchers: readonly string[], users: readonly string[]) {
    this.#users = new Map(users.map((user) => [user, { isLive: false, cameAt: -Infinity, leftAt: -Infinity }]));
    this.#views = new Map(watchers.map((watcher) => [watcher, new Map(users.map((user) => [user, { shown: undefined, wrong: undefined, untold: undefined }]))]));
  }

  /** Whether a user has a live session now. */
  live(user: string, isLive: boolean, at: number): void {
    const one = this.#users.get(user)!;
    if (one.isLive === isLive) return;
    one.isLive = isLive;
    if (!isLive) one.leftAt = at;
    else if (at - one.leftAt > backWithinMs) one.cameAt = at;
    for (const views of this.#views.values()) this.#compare(views.get(user)!, one, at);
  }

  /** A watcher asks to be shown all users, on a new connection. */
  asked(watcher: string, at: number): void {
    for (const view of this.#views.get(watcher)!.values()) view.untold ??= this.#begin("untold", at);
  }

  /** A watcher's connection is over: nobody owes it an answer. */
  lost(watcher: string, at: number): void {
    for (const view of this.#views.get(watcher)!.values()) view.untold = this.#end(view.untold, at);
  }

  told(watcher: string, user: string, isActive: boolean, at: number): void {
    const view = this.#views.get(watcher)?.get(user);
    const one = this.#users.get(user);
    if (view === undefined || one === undefined) return;
    const before = view.shown;
    view.shown = isActive;
    view.untold = this.#end(view.untold, at);
    this.#compare(view, one, at);
    if (isActive) return;
    const lastThere = one.isLive ? at : one.leftAt;
    if (at - lastThere < backWithinMs && (before === true || lastThere - one.cameAt > knownAfterMs)) this.#early.push(at);
  }

  /** Whether all watchers are shown this of a user. */
  isShown(user: string, isActive: boolean): boolean {
    return [...this.#views.values()].every((views) => views.get(user)!.shown === isActive);
  }

  /**
   * What each event brought: all until the next one began, or, of the last, until `end`.
   * @param spans one after the other
   */
  judge(spans: readonly Span[], end: number): Seen[] {
    return spans.map(({ from }, i) => {
      const until = spans[i + 1]?.from ?? end;
      const longest = (kind: Kind): number => Math.max(0, ...this.#intervals.filter((one) => one.kind === kind && one.from < until && (one.to ?? end) > from).map((one) => (one.to ?? end) - one.from));
      const isForgiven = (at: number): boolean => spans.some((span) => span.hurtsPresence && at >= span.from && at < span.to + forgivenMs);
      return { awayMs: longest("away"), activeMs: longest("active"), untoldMs: longest("untold"), early: this.#early.filter((at) => at >= from && at < until && !isForgiven(at)).length };
    });
  }

  #compare(view: View, { isLive }: User, at: number): void {
    const kind = view.shown === undefined || view.shown === isLive ? undefined : view.shown ? "active" : "away";
    if (view.wrong?.kind === kind) return;
    this.#end(view.wrong, at);
    view.wrong = kind === undefined ? undefined : this.#begin(kind, at);
  }

  #begin(kind: Kind, at: number): Interval {
    const interval: Interval = { kind, from: at, to: undefined };
    this.#intervals.push(interval);
    return interval;
  }

  #end(interval: Interval | undefined, at: number): undefined {
    if (interval !== undefined) interval.to = at;
  }
}

/** What of the promises was not kept, for people. */
export function broken({ awayMs, activeMs, untoldMs, early }: Seen): string[] {
  return [
    awayMs > bounds.awayMs ? `somebody who was there was shown as away for ${Math.round(awayMs)} ms` : undefined,
    activeMs > bounds.activeMs ? `somebody who was gone was shown as active for ${Math.round(activeMs)} ms` : undefined,
    untoldMs > bounds.untoldMs ? `somebody who asked was not told for ${Math.round(untoldMs)} ms` : undefined,
    early > 0 ? `${early} times somebody was called away within their grace period` : undefined,
  ].filter((fault) => fault !== undefined);
}
