/** What people do meanwhile: post by socket and by the API, join, leave, come, go, and say that they are away. */
import { limits } from "../../services/protocol/limits.ts";
import type { Client } from "./client.ts";
import type { Plane } from "./plane.ts";
import { Process } from "./process.ts";
import type { Random } from "./random.ts";

const apiMs = 6_000;
const floodPosts = limits.batchEvents + 50;

export class Workload {
  readonly #plane: Plane;
  readonly #random: Random;
  readonly #people: Process;
  readonly channels: readonly string[];
  readonly users: readonly string[];
  /** posts and changes that nobody confirmed yet */
  open = 0;

  /** what is not done yet, in words */
  unfinished(): string[] {
    const unsettled = this.#plane.world.directory.unsettled().length;
    return this.open + unsettled > 0 ? [`${this.open} calls of the API have no answer, ${unsettled} changes are not announced`] : [];
  }

  #keys = 0;
  readonly #changing = new Set<string>();

  constructor(plane: Plane, random: Random) {
    this.#plane = plane;
    this.#random = random;
    this.#people = new Process(plane.world.kernel, "api");
    this.channels = Array.from({ length: 2 + random.below(3) }, (_, i) => `C${i}`);
    this.users = Array.from({ length: 2 + random.below(3) }, (_, i) => `U${i}`);
    for (const channel of this.channels) plane.world.directory.members.set(channel, new Set(random.some(this.users, 0.7)));
    for (const user of this.users) {
      for (let i = 0; i < 1 + random.below(2); i++) {
        const watches = random.chance(0.7) ? this.users : [];
        plane.client({ name: `${user}.${i}`, user, fromStart: random.chance(0.6), paced: random.chance(0.5), watches });
      }
    }
  }

  /** Plans all of it. @param until ms */
  plan(from: number, until: number, posts: number): void {
    const { kernel } = this.#plane.world;
    const random = this.#random;
    for (const client of this.#plane.clients) kernel.at(random.chance(0.8) ? random.between(0, 500) : random.between(0, until), () => client.start());
    for (let i = 0; i < posts; i++) {
      const burst = random.chance(0.1) ? 8 : 1;
      kernel.at(random.between(from, until), () => {
        for (let n = 0; n < burst; n++) this.#post();
      });
    }
    if (random.chance(0.1)) kernel.at(random.between(from, until), () => this.#flood());
    for (let i = random.below(6); i > 0; i--) kernel.at(random.between(from, until), () => this.#change());
    for (let i = random.below(3); i > 0; i--) {
      const user = random.pick(this.users);
      const away = random.chance(0.6);
      kernel.at(random.between(from, until), () => this.#setPresence(user, away));
    }
  }

  /** A last message in every channel. @returns its key by channel */
  probe(): Map<string, string> {
    return new Map(
      this.channels.flatMap((channel) => {
        const [poster] = this.#plane.world.directory.members.get(channel)!;
        return poster === undefined ? [] : [[channel, this.#byApi(poster, channel)] as const];
      }),
    );
  }

  #post(): void {
    const { directory } = this.#plane.world;
    const channel = this.#random.pick(this.channels);
    const members = [...directory.members.get(channel)!];
    if (members.length === 0) return;
    const user = this.#random.pick(members);
    const sockets = this.#plane.clients.filter((client) => client.user === user && client.wanted);
    if (sockets.length === 0 || this.#random.chance(0.3)) return void this.#byApi(user, channel);
    const client: Client = this.#random.pick(sockets);
    const key = `k${++this.#keys}`;
    client.send(channel, key, key);
  }

  /** More than a replay reads at once. */
  #flood(): void {
    const channel = this.#random.pick(this.channels);
    const [poster] = this.#plane.world.directory.members.get(channel)!;
    if (poster !== undefined) for (let i = 0; i < floodPosts; i++) this.#byApi(poster, channel);
  }

  #byApi(user: string, channel: string): string {
    const { envoy, monitor, trace } = this.#plane.world;
    const key = `a${++this.#keys}`;
    this.open++;
    const attempt = (): void =>
      envoy.api<{ readonly offset: number; readonly ts: string }>(this.#people, `${user} posts ${key} to ${channel}`, apiMs, (webapp, reply) => webapp.post(user, channel, key, key, reply), ({ status, value }) => {
        if (status === 0 || status >= 500) return void this.#people.after(this.#random.between(20, 400), attempt);
        this.open--;
        if (value === undefined) return; // not a member any more
        trace.line(() => `webapp → ${user}  posted ${key} to ${channel}, offset ${value.offset}`);
        monitor.ack(user, channel, key, value.offset, value.ts);
      });
    attempt();
    return key;
  }

  /** Somebody joins or leaves a channel. */
  #change(): void {
    const channel = this.#random.pick(this.channels);
    const user = this.#random.pick(this.users);
    const what = `${user} ${channel}`;
    if (this.#changing.has(what)) return; // what the client is promised is told by the last answer
    this.#changing.add(what);
    this.#changeTo(user, channel, !this.#plane.world.directory.members.get(channel)!.has(user), () => this.#changing.delete(what));
  }

  /** Tried until the directory has it. */
  #changeTo(user: string, channel: string, join: boolean, done: () => void): void {
    const { envoy, trace } = this.#plane.world;
    this.open++;
    const sessions = new Map(this.#plane.clients.filter((client) => client.user === user && client.live).map((client) => [client, client.session]));
    const attempt = (): void =>
      envoy.api<{ readonly offset: number }>(
        this.#people,
        `${user} ${join ? "joins" : "leaves"} ${channel}`,
        60_000,
        (webapp, reply) => webapp.change(user, channel, join, reply),
        ({ status, value }) => {
          if (status === 0 || status >= 500) return void this.#people.after(this.#random.between(20, 400), attempt);
          this.open--;
          trace.line(() => `webapp → ${user}  ${join ? "joined" : "left"} ${channel}`);
          if (join && value !== undefined) for (const [client, session] of sessions) if (client.session === session) client.joined(channel, value.offset);
          done();
        },
      );
    attempt();
  }

  #setPresence(user: string, away: boolean): void {
    const { envoy, directory } = this.#plane.world;
    this.open++;
    const id = ++this.#keys;
    directory.choosing.set(id, user);
    const attempt = (): void =>
      envoy.api<undefined>(this.#people, `${user} chooses ${away ? "away" : "auto"}`, apiMs, (webapp, reply) => webapp.setPresence(user, away, reply), ({ status }) => {
        if (status === 0 || status >= 500) return void this.#people.after(this.#random.between(20, 400), attempt);
        this.open--;
        directory.choosing.delete(id);
      });
    attempt();
  }
}
