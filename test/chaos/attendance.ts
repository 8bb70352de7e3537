/**
 * Whether people are shown as active who are there, and nobody else. Two stay, and are shown everybody; two come and go all the time. Each has one
 * session at most, and comes back at once when it breaks. What the plane promises is in docs/protocol.md, "Presence".
 */
import { setTimeout as pause } from "node:timers/promises";
import { Client } from "../../services/delivery/client.ts";
import { until } from "../e2e/wait.ts";

/** What is true of a plane with its default times, milliseconds. */
export const bounds = {
  /** somebody with a live socket is shown as away for so long at most: the grace period */
  awayMs: 5_000,
  /** somebody without one is shown as active for so long at most: a silent gateway's 3 s, the grace period, a new server's wait of 2 s, and the way */
  activeMs: 11_000,
} as const;

/** Nobody is called away who was there so shortly before: somewhat less than the grace period, as others' clocks are not ours. */
const backWithinMs = 4_000;
/** Who was away for long is called so until it is known that they are back. */
const knownAfterMs = 2_000;
const stayMs = 1_000;
const goneMs = 500;
/** One is shown after all that has been wrong for so long, and the next round begins. */
const patienceMs = 30_000;
const lookEveryMs = 20;

export interface Attendee {
  readonly token: string;
  readonly user: string;
}

/** Who was shown to whom as what they were not. `to` is undefined while it lasts. */
interface Wrong {
  readonly what: "away" | "active";
  readonly from: number;
  to: number | undefined;
}

/** Longest times of wrong presence, milliseconds, and how many were called away too early. */
export interface Seen {
  readonly awayMs: number;
  readonly activeMs: number;
  readonly early: number;
}

class Person {
  readonly user: string;
  client: Client | undefined;
  wasLive = false;
  /** when they came, and when they were lost; a short absence is none */
  cameAt = -Infinity;
  leftAt = -Infinity;
  /** what this one is shown, while connected */
  readonly shown = new Map<string, boolean>();

  constructor(user: string) {
    this.user = user;
  }

  get isLive(): boolean {
    return this.client?.isOpen === true;
  }
}

export class Attendance {
  readonly #api: string;
  readonly #people: readonly { readonly token: string; readonly person: Person }[];
  readonly #staying: readonly Person[];
  readonly #wrong: Wrong[] = [];
  readonly #open = new Map<string, Wrong>();
  readonly #early: number[] = [];
  #stopped = false;
  #rounds: Promise<unknown> = Promise.resolve();

  /** @param attendees four users with no other sessions: two who stay, two who come and go */
  constructor(api: string, attendees: readonly [Attendee, Attendee, Attendee, Attendee]) {
    this.#api = api;
    this.#people = attendees.map(({ token, user }) => ({ token, person: new Person(user) }));
    this.#staying = this.#people.slice(0, 2).map(({ person }) => person);
  }

  async start(): Promise<void> {
    for (const { token, person } of this.#people.slice(0, 2)) this.#come(token, person);
    await until("those who stay to be shown as active", () => this.#staying.every((one) => this.#isShown(one, true)));
    this.#rounds = Promise.all(this.#people.slice(2).map(({ token, person }) => this.#comeAndGo(token, person)));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#rounds;
    for (const wrong of this.#open.values()) wrong.to = performance.now();
    this.#open.clear();
    await Promise.all(this.#staying.map(({ client }) => client?.stop()));
  }

  /** What was wrong at any time in between, for as long as that was; complete after `stop`. */
  between(from: number, to: number): Seen {
    const longest = (what: Wrong["what"]): number => Math.max(0, ...this.#wrong.filter((one) => one.what === what && one.from < to && (one.to ?? Infinity) > from).map((one) => (one.to ?? performance.now()) - one.from));
    return { awayMs: longest("away"), activeMs: longest("active"), early: this.#early.filter((at) => at >= from && at < to).length };
  }

  #come(token: string, person: Person): void {
    const watches = this.#staying.includes(person);
    const ids = this.#people.map((one) => one.person.user);
    const client: Client = new Client(this.#api, token, {
      offsets: () => ({}),
      idle: () => true,
      connected: () => {
        person.shown.clear();
        if (watches) client.send({ type: "presence_sub", ids });
        this.#look();
      },
      lost: () => this.#look(),
      frame: (frame) => {
        if (!watches || frame["type"] !== "presence_change") return;
        this.#told(person, String(frame["user"]), frame["presence"] === "active");
      },
    });
    person.client = client;
    client.start();
  }

  async #comeAndGo(token: string, person: Person): Promise<void> {
    while (!this.#stopped) {
      this.#come(token, person);
      await this.#until(() => person.isLive && this.#isShown(person, true));
      await pause(stayMs);
      const left = person.client?.stop();
      this.#look();
      await left;
      await this.#until(() => this.#isShown(person, false));
      await pause(goneMs);
    }
  }

  async #until(holds: () => boolean): Promise<void> {
    const deadline = performance.now() + patienceMs;
    while (!this.#stopped && !holds() && performance.now() < deadline) await pause(lookEveryMs);
  }

  #told(watcher: Person, user: string, active: boolean): void {
    const before = watcher.shown.get(user);
    watcher.shown.set(user, active);
    this.#look();
    const person = this.#people.find((one) => one.person.user === user)?.person;
    if (active || person === undefined) return;
    const now = performance.now();
    const lastThere = person.isLive ? now : person.leftAt;
    if (now - lastThere < backWithinMs && (before === true || lastThere - person.cameAt > knownAfterMs)) this.#early.push(now);
  }

  #isShown(person: Person, active: boolean): boolean {
    return this.#staying.every((watcher) => watcher.isLive && watcher.shown.get(person.user) === active);
  }

  #look(): void {
    const now = performance.now();
    for (const { person } of this.#people) {
      if (person.isLive === person.wasLive) continue;
      person.wasLive = person.isLive;
      if (!person.isLive) person.leftAt = now;
      else if (now - person.leftAt > backWithinMs) person.cameAt = now;
    }
    for (const watcher of this.#staying) {
      for (const { person } of this.#people) {
        const shown = watcher.isLive ? watcher.shown.get(person.user) : undefined;
        this.#note(`${watcher.user} ${person.user}`, shown === undefined || shown === person.isLive ? undefined : shown ? "active" : "away", now);
      }
    }
  }

  #note(pair: string, what: Wrong["what"] | undefined, now: number): void {
    const open = this.#open.get(pair);
    if (open?.what === what) return;
    if (open !== undefined) open.to = now;
    this.#open.delete(pair);
    if (what === undefined) return;
    const wrong: Wrong = { what, from: now, to: undefined };
    this.#wrong.push(wrong);
    this.#open.set(pair, wrong);
  }
}
