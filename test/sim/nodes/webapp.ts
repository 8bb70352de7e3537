/**
 * A small webapp in place of the real one, which has no pure core: tickets, lists of channels, posts and joins with the
 * real one's order of steps and its patience (services/webapp/{mesh,membership,tickets}.ts).
 */
import { createHash } from "node:crypto";
import { noChoice, type Choice } from "../../../services/protocol/choice.ts";
import type { Publish, Session } from "../../../services/protocol/mesh.ts";
import type { PublishedAt, Reply } from "../door.ts";
import type { Process } from "../process.ts";
import type { World } from "../world.ts";

const patienceMs = 5_000;
const backOffMs = { least: 20, most: 250 };
const ticketMs = 30_000;

/** What the store keeps of users and channels. */
export class Directory {
  readonly members = new Map<string, Set<string>>();
  readonly tickets = new Map<string, { readonly user: string; readonly offsets: Readonly<Record<string, number>>; readonly expiresAt: number }>();
  readonly #choices = new Map<string, Choice>();
  /** users whose call to choose has no answer yet, by call */
  readonly choosing = new Map<number, string>();
  /** `user channel` of all who left, also for a moment */
  readonly left = new Set<string>();

  leave(channel: string, user: string): boolean {
    this.left.add(`${user} ${channel}`);
    return this.members.get(channel)!.delete(user);
  }

  choiceOf(user: string): Choice {
    return this.#choices.get(user) ?? noChoice;
  }

  chooseAway(user: string, away: boolean, now: number): Choice {
    const choice = { away, at: Math.max(now, this.choiceOf(user).at + 1) };
    this.#choices.set(user, choice);
    return choice;
  }

  channelsOf(user: string): string[] {
    return [...this.members].filter(([, users]) => users.has(user)).map(([channel]) => channel);
  }
}

export class Webapp {
  readonly process: Process;
  readonly #world: World;
  #made = 0;
  /** changes of membership that are not done yet, also those whose caller is gone */
  changing = 0;

  constructor(world: World, process: Process) {
    this.#world = world;
    this.process = process;
    world.envoy.webapp = this;
  }

  // --- the Web API

  /** rtm.connect */
  connect(user: string, offsets: Readonly<Record<string, number>>, reply: Reply<string>): void {
    this.#later(() => {
      const { directory, kernel, ids } = this.#world;
      const own = new Set([user, ...directory.channelsOf(user)]);
      const ticket = `${user}.${ids.below(2 ** 32).toString(36)}${ids.below(2 ** 32).toString(36)}`;
      directory.tickets.set(ticket, { user, offsets: Object.fromEntries(Object.entries(offsets).filter(([channel]) => own.has(channel))), expiresAt: kernel.now + ticketMs });
      reply({ status: 200, value: ticket });
    });
  }

  /** chat.postMessage. Status 403: not a member; 503: nobody took it. */
  post(user: string, channel: string, text: string, key: string, reply: Reply<PublishedAt>): void {
    this.#later(() => {
      if (this.#world.directory.members.get(channel)?.has(user) !== true) return reply({ status: 403 });
      this.#insist(channel, { kind: "message", user, key, draft: { text } }, reply);
    });
  }

  /** conversations.join. The directory is put back where the control can't be made; once it is, the change stands. */
  join(user: string, channel: string, answer: Reply<PublishedAt>): void {
    const members = this.#world.directory.members.get(channel)!;
    const reply = this.#changing(answer);
    this.#later(() => {
      if (members.has(user)) return reply({ status: 409 });
      members.add(user);
      const undo: Reply<PublishedAt> = (answer) => {
        this.#world.directory.leave(channel, user);
        reply({ status: answer.status });
      };
      this.#insist(channel, { kind: "event", key: this.#key(), event: { type: "member_joined_channel", user, channel } }, (told) => {
        if (told.value === undefined) return undo(told);
        const at = told.value;
        this.#insist(user, { kind: "control", key: this.#key(), control: { join: channel, after: at.offset } }, (controlled) => {
          if (controlled.value === undefined) return undo(controlled);
          this.#insist(user, { kind: "event", key: this.#key(), event: { type: "channel_joined", channel: { id: channel } } }, () => reply({ status: 200, value: at }));
        });
      });
    });
  }

  /** conversations.leave */
  leave(user: string, channel: string, answer: Reply<PublishedAt>): void {
    const members = this.#world.directory.members.get(channel)!;
    const reply = this.#changing(answer);
    this.#later(() => {
      if (!this.#world.directory.leave(channel, user)) return reply({ status: 409 });
      const undo: Reply<PublishedAt> = (answer) => {
        members.add(user);
        reply({ status: answer.status });
      };
      this.#insist(channel, { kind: "event", key: this.#key(), event: { type: "member_left_channel", user, channel } }, (told) => {
        if (told.value === undefined) return undo(told);
        const at = told.value;
        this.#insist(user, { kind: "control", key: this.#key(), control: { leave: channel } }, (controlled) => {
          if (controlled.value === undefined) return undo(controlled);
          this.#insist(user, { kind: "event", key: this.#key(), event: { type: "channel_left", channel } }, () => reply({ status: 200, value: at }));
        });
      });
    });
  }

  /** users.setPresence */
  setPresence(user: string, away: boolean, reply: Reply<undefined>): void {
    this.#later(() => {
      const { directory, envoy } = this.#world;
      const choice = directory.chooseAway(user, away, Math.floor(this.#world.clock(this.process.name)));
      this.#again((done) => envoy.route(this.process, `${user} chooses ${away ? "away" : "auto"}`, "presence", user, patienceMs, (door, _, answer) => door.presence?.(user, choice, answer), done), ({ status }) => {
        if (status !== 200) return reply({ status });
        this.#insist(user, { kind: "control", key: `presence-${choice.at}`, control: { presence: away ? "away" : "auto", at: choice.at } }, (told) => reply({ status: told.status }));
      });
    });
  }

  // --- what gateways ask

  redeem(ticket: string, reply: Reply<Session>): void {
    this.#later(() => {
      const { directory, kernel } = this.#world;
      const found = directory.tickets.get(ticket);
      directory.tickets.delete(ticket);
      if (found === undefined || found.expiresAt < kernel.now) return reply({ status: 401 });
      const { user, offsets } = found;
      const { away, at } = directory.choiceOf(user);
      const team = { id: "T0", name: "sim", domain: "sim" };
      reply({ status: 200, value: { user: { id: user, name: user }, team, manual_away: away, manual_away_at: at, offsets, batch_presence: false } });
    });
  }

  channelsOf(user: string, reply: Reply<readonly string[]>): void {
    this.#later(() => reply({ status: 200, value: this.#world.directory.channelsOf(user) }));
  }

  /** The directory takes a moment. */
  #later(run: () => void): void {
    this.process.after(this.#world.random.between(0.1, 2), run);
  }

  #changing<T>(reply: Reply<T>): Reply<T> {
    this.changing++;
    return (answer) => {
      this.changing--;
      reply(answer);
    };
  }

  #key(): string {
    return createHash("sha256").update(`${this.process.name} ${++this.#made}`).digest("hex").slice(0, 16);
  }

  #insist(channel: string, publish: Publish, done: Reply<PublishedAt>): void {
    const { envoy } = this.#world;
    this.#again((answered) => envoy.route<PublishedAt>(this.process, `publish ${channel}, key ${publish.key}`, "channel", channel, patienceMs, (door, epoch, reply) => door.publish?.(channel, publish, epoch, reply), answered), done);
  }

  #again<T>(ask: (answered: Reply<T>) => void, done: Reply<T>): void {
    const deadline = this.#world.kernel.now + patienceMs;
    const attempt = (wait: number): void => {
      if (this.#world.kernel.now >= deadline) return done({ status: 503 });
      ask((answer) => {
        if (answer.status !== 0 && ![421, 502, 503, 504].includes(answer.status)) return done(answer);
        this.process.after(wait, () => attempt(Math.min(wait * 2, backOffMs.most)));
      });
    };
    attempt(backOffMs.least);
  }
}
