/**
 * A small webapp in place of the real one, which has no pure core: tickets, lists of channels, posts and changes of membership with the
 * real one's order of steps and its patience (services/webapp/{mesh,membership,announcements,settler,tickets}.ts).
 */
import { createHash } from "node:crypto";
import type { Publish, Session } from "../../../services/protocol/mesh.ts";
import type { Change } from "../../../services/store/directory.ts";
import type { PublishedAt, Reply } from "../door.ts";
import type { Process } from "../process.ts";
import type { World } from "../world.ts";

const patienceMs = 5_000;
const backOffMs = { least: 20, most: 250 };
const ticketMs = 30_000;
const settleEveryMs = 2_000;
const attemptsMost = 4;

export class Webapp {
  readonly process: Process;
  readonly #world: World;
  /** changes of one channel and user are made one after the other */
  readonly #turns = new Map<string, (() => void)[]>();
  #made = 0;

  constructor(world: World, process: Process) {
    this.#world = world;
    this.process = process;
    world.envoy.webapp = this;
    this.#settleAll();
  }

  // --- the Web API

  /** rtm.connect */
  connect(user: string, offsets: Readonly<Record<string, number>>, paced: boolean, reply: Reply<string>): void {
    this.#later(() => {
      const { directory, kernel, ids } = this.#world;
      const own = new Set([user, ...directory.channelsOf(user)]);
      const ticket = `${user}.${ids.below(2 ** 32).toString(36)}${ids.below(2 ** 32).toString(36)}`;
      directory.tickets.set(ticket, { user, offsets: Object.fromEntries(Object.entries(offsets).filter(([channel]) => own.has(channel))), paced, expiresAt: kernel.now + ticketMs });
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

  /** conversations.join and conversations.leave. Status 409: it is so already, and everybody knows; 503: not everybody was told yet. */
  change(user: string, channel: string, member: boolean, answer: Reply<PublishedAt>): void {
    const change: Change = { channel, user, member, key: this.#key() };
    this.#inTurn(change, (done) => this.#make(change, attemptsMost, (told) => {
      done();
      answer(told);
    }));
  }

  /** users.setPresence */
  setPresence(user: string, away: boolean, reply: Reply<undefined>): void {
    this.#later(() => {
      const { directory, envoy } = this.#world;
      const choice = directory.chooseAway(user, away, Math.floor(this.#world.clock(this.process.place)));
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
      const { user, offsets, paced } = found;
      const { away, at } = directory.choiceOf(user);
      const team = { id: "T0", name: "sim", domain: "sim" };
      reply({ status: 200, value: { user: { id: user, name: user }, team, manual_away: away, manual_away_at: at, offsets, batch_presence: false, paced } });
    });
  }

  channelsOf(user: string, reply: Reply<readonly string[]>): void {
    this.#later(() => reply({ status: 200, value: this.#world.directory.channelsOf(user) }));
  }

  // --- changes of membership (docs/decisions/0006)

  #make(change: Change, attempts: number, done: Reply<PublishedAt>): void {
    if (attempts === 0) return done({ status: 503 });
    this.#later(() => {
      const outcome = this.#world.directory.change(change);
      if (outcome === "already") return done({ status: 409 });
      const unsettled = outcome === "made" ? change : outcome;
      this.#announce(unsettled, (told) => {
        // An earlier change to the same end is this one: a call that failed is repeated.
        if (told.value === undefined || unsettled.member === change.member) return done(told);
        this.#make(change, attempts - 1, done);
      });
    });
  }

  /** Tells all who must hear of an unsettled change, and settles it. Safe to repeat. */
  #announce(change: Change, done: Reply<PublishedAt>): void {
    const { channel, user, member, key } = change;
    this.#insist(channel, { kind: "event", key: `${key}-m`, event: { type: member ? "member_joined_channel" : "member_left_channel", user, channel } }, (told) => {
      const at = told.value;
      if (at === undefined) return done(told);
      this.#insist(user, { kind: "control", key: `${key}-c`, control: member ? { join: channel, after: at.offset } : { leave: channel } }, (controlled) => {
        if (controlled.value === undefined) return done(controlled);
        const event = member ? { type: "channel_joined", channel: { id: channel } } : { type: "channel_left", channel };
        this.#insist(user, { kind: "event", key: `${key}-e`, event }, (noticed) => {
          if (noticed.value === undefined) return done(noticed);
          this.#later(() => {
            this.#world.directory.settle(change);
            done({ status: 200, value: at });
          });
        });
      });
    });
  }

  /** Announces what was left unsettled, by calls that failed and by webapps that ended between two steps. */
  #settleAll(): void {
    this.#later(() => {
      const unsettled = this.#world.directory.unsettled().filter((change) => !this.#turns.has(turnOf(change)));
      let open = unsettled.length;
      const next = (): void => {
        if (--open <= 0) this.process.after(settleEveryMs, () => this.#settleAll());
      };
      if (open === 0) return next();
      for (const change of unsettled) {
        this.#inTurn(change, (done) => this.#announce(change, () => {
          done();
          next();
        }));
      }
    });
  }

  #inTurn(change: Change, action: (done: () => void) => void): void {
    const turn = turnOf(change);
    const line = this.#turns.get(turn) ?? [];
    const begin = (): void => action(() => {
      line.shift();
      if (line[0] === undefined) this.#turns.delete(turn);
      else line[0]();
    });
    this.#turns.set(turn, line);
    if (line.push(begin) === 1) begin();
  }

  // --- the store and the mesh

  /** The directory takes a moment. */
  #later(run: () => void): void {
    this.process.after(this.#world.random.between(0.1, 2), run);
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

const turnOf = ({ channel, user }: Change): string => `${channel} ${user}`;
