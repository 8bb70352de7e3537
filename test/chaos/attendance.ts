/** People whose presence is watched, on real sockets: two stay, and are shown everybody; two come and go all the time. Each has one session at most, and comes back at once when it breaks. */
import { setTimeout as pause } from "node:timers/promises";
import { Client } from "../../services/delivery/client.ts";
import { until } from "../e2e/wait.ts";
import { aftermathMs, PresenceJudge, type Seen, type Span } from "./presence-judge.ts";

const stayMs = 1_000;
const goneMs = 500;
/** Who is not shown as they are for so long begins the next round all the same; the judge has seen it. */
const patienceMs = 30_000;
const lookEveryMs = 20;

export interface Attendee {
  readonly token: string;
  readonly user: string;
}

export class Attendance {
  readonly #api: string;
  readonly #staying: readonly Attendee[];
  readonly #guests: readonly Attendee[];
  readonly #users: readonly string[];
  readonly #judge: PresenceJudge;
  readonly #clients = new Map<string, Client>();
  #stopped = false;
  #rounds: Promise<unknown> = Promise.resolve();

  /** @param attendees four users with no other sessions: two who stay, two who come and go */
  constructor(api: string, attendees: readonly [Attendee, Attendee, Attendee, Attendee]) {
    this.#api = api;
    this.#staying = attendees.slice(0, 2);
    this.#guests = attendees.slice(2);
    this.#users = attendees.map(({ user }) => user);
    this.#judge = new PresenceJudge(this.#staying.map(({ user }) => user), this.#users);
  }

  async start(): Promise<void> {
    for (const one of this.#staying) this.#come(one, true);
    await until("those who stay to be shown as active", () => this.#staying.every(({ user }) => this.#judge.isShown(user, true)));
    this.#rounds = Promise.all(this.#guests.map((guest) => this.#comeAndGo(guest)));
  }

  /**
   * Waits for what the last event may have done, ends, and judges.
   * @param spans what was done to the plane, on `performance.now()`'s clock
   */
  async stop(spans: readonly Span[]): Promise<Seen[]> {
    await pause(aftermathMs);
    const end = performance.now();
    this.#stopped = true;
    await this.#rounds;
    await Promise.all([...this.#clients.values()].map((client) => client.stop()));
    return this.#judge.judge(spans, end);
  }

  #come({ token, user }: Attendee, watches: boolean): void {
    const look = (): void => this.#judge.live(user, this.#clients.get(user)!.isOpen, performance.now());
    const client: Client = new Client(this.#api, token, {
      offsets: () => ({}),
      idle: () => true,
      connected: () => {
        look();
        if (!watches || this.#stopped) return;
        client.send({ type: "presence_sub", ids: this.#users });
        this.#judge.asked(user, performance.now());
      },
      lost: () => {
        look();
        if (watches && !client.isOpen) this.#judge.lost(user, performance.now());
      },
      frame: (frame) => {
        if (watches && frame["type"] === "presence_change") this.#judge.told(user, String(frame["user"]), frame["presence"] === "active", performance.now());
      },
    });
    this.#clients.set(user, client);
    client.start();
  }

  async #comeAndGo(guest: Attendee): Promise<void> {
    const { user } = guest;
    while (!this.#stopped) {
      this.#come(guest, false);
      await this.#until(() => this.#judge.isShown(user, true));
      await pause(stayMs);
      const left = this.#clients.get(user)!.stop();
      this.#judge.live(user, false, performance.now());
      await left;
      await this.#until(() => this.#judge.isShown(user, false));
      await pause(goneMs);
    }
  }

  async #until(holds: () => boolean): Promise<void> {
    const deadline = performance.now() + patienceMs;
    while (!this.#stopped && !holds() && performance.now() < deadline) await pause(lookEveryMs);
  }
}
