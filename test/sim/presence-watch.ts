/**
 * Presence while things go wrong: who has a live socket is not called away for longer than the grace period, and who has none is not called
 * active for longer than it takes to know that, and the grace period. No server can keep that across a cut, or for a process that is stopped:
 * the clock of a bound stands while one is in the way, and starts anew when it is gone.
 */
import type { Client } from "./client.ts";
import { Broken } from "./ledger.ts";
import type { Place } from "./network.ts";
import type { Plane } from "./plane.ts";

const sampleMs = 200;
/** as in nodes/presence.ts */
const graceMs = 5_000;
/** A gateway that is silent for so long is taken for dead. */
const silenceMs = 3_000;
/** What a change takes from here to there, with a link that has to be opened again on the way. */
const travelMs = 600;

export const bounds = {
  /** somebody with a live socket is called away for so long at most */
  awayMs: graceMs,
  /** somebody without one is called active for so long at most */
  activeMs: silenceMs + graceMs + travelMs,
  /** After so long without trouble nobody is called away at all who is there, or was a moment ago. */
  calmMs: 2_000,
};

interface Pair {
  readonly watcher: Client;
  readonly user: string;
  /** since when nothing was in the way */
  calmSince: number;
  /** since when the watcher sees what is not so, and all the time without trouble */
  wrongSince: number | undefined;
}

export class PresenceWatch {
  readonly #plane: Plane;
  readonly #pairs: Pair[];
  readonly #lastLive = new Map<string, number>();
  /** the same, of those who have no live socket, and of those who have one again: before that */
  readonly #lastLiveBefore = new Map<string, number>();
  /** the presence servers' processes and the topology, and since when they are these */
  #servers = "";
  #sameSince = 0;
  /** the longest times that anybody saw what was not so, ms */
  readonly longest = { away: 0, active: 0 };

  constructor(plane: Plane) {
    this.#plane = plane;
    const users = new Set(plane.clients.map(({ user }) => user));
    this.#pairs = plane.clients.flatMap((watcher) => [...users].filter((user) => watcher.watches.includes(user)).map((user) => ({ watcher, user, calmSince: 0, wrongSince: undefined })));
    if (this.#pairs.length > 0) this.#again();
  }

  /** A client is shown that a user is active or away. */
  told(watcher: Client, user: string, active: boolean): void {
    const pair = this.#pairs.find((one) => one.watcher === watcher && one.user === user);
    if (pair === undefined || active || this.#plane.world.directory.choiceOf(user).away) return;
    const now = this.#now;
    this.#lookAtServers(now);
    const ago = now - this.#lastSeen(user);
    // Who left has time to come back, unless the server that knows of it is gone.
    const allowed = now - this.#sameSince > graceMs ? graceMs - travelMs : 0;
    const calm = now - pair.calmSince;
    if (this.#trouble(pair) || calm < bounds.calmMs || ago > allowed || this.#isBack(user, now)) return;
    throw new Broken(`${watcher.name} is told that ${user} is away, who had a live socket ${Math.round(ago)} ms ago, with nothing in the way for ${Math.round(calm)} ms`);
  }

  get #now(): number {
    return this.#plane.world.kernel.now;
  }

  #again(): void {
    this.#plane.world.kernel.after(sampleMs, () => {
      this.#sample();
      this.#again();
    });
  }

  #sample(): void {
    const now = this.#now;
    const { clients, world } = this.#plane;
    for (const { user, live } of clients) if (live) this.#lastLive.set(user, now);
    for (const { user } of clients) if (!this.#isLive(user)) this.#lastLiveBefore.set(user, this.#lastSeen(user));
    this.#lookAtServers(now);
    for (const pair of this.#pairs) {
      const { watcher, user } = pair;
      if (this.#trouble(pair)) pair.calmSince = now;
      const told = watcher.presence.get(user);
      const is = this.#isLive(user) && !world.directory.choiceOf(user).away;
      if (told === undefined || told === is || pair.calmSince === now) pair.wrongSince = undefined;
      else this.#wrong(pair, told, now);
    }
  }

  #lookAtServers(now: number): void {
    const { ids, world } = this.#plane;
    const servers = `${world.charm?.registry.disk.topology?.epoch} ${ids.presence.map((id) => this.#plane.node(id).process?.name).join(" ")}`;
    if (servers !== this.#servers) this.#sameSince = now;
    this.#servers = servers;
  }

  #wrong(pair: Pair, told: boolean, now: number): void {
    pair.wrongSince ??= now;
    const forMs = now - pair.wrongSince;
    const what = told ? "active" : "away";
    this.longest[what] = Math.max(this.longest[what], forMs);
    if (forMs <= (told ? bounds.activeMs : bounds.awayMs)) return;
    throw new Broken(`${pair.watcher.name} has seen ${pair.user} ${what} for ${Math.round(forMs)} ms, who is not, with nothing in the way`);
  }

  /** Who was away for long and is back is still called away by what was said before. */
  #isBack(user: string, now: number): boolean {
    const isFresh = this.#plane.clients.every((client) => client.user !== user || !client.live || now - client.helloAt < travelMs);
    return isFresh && this.#isLive(user) && now - (this.#lastLiveBefore.get(user) ?? -Infinity) > graceMs;
  }

  #isLive(user: string): boolean {
    return this.#plane.clients.some((client) => client.user === user && client.live);
  }

  #lastSeen(user: string): number {
    return this.#isLive(user) ? this.#now : (this.#lastLive.get(user) ?? -Infinity);
  }

  /** Whether there is something that nobody can see through between the user and who watches. */
  #trouble({ watcher, user }: Pair): boolean {
    const { world, nodes, ids, clients } = this.#plane;
    const { net, envoy, directory } = world;
    if (!watcher.live || [...directory.choosing.values()].includes(user) || net.slowness > 1) return true;
    const theirs = clients.filter((client) => client.user === user);
    // Who has no session may have had one anywhere.
    const gateways = new Set(theirs.some(({ live }) => live) ? [watcher.gateway, ...theirs.filter(({ live }) => live).map(({ gateway }) => gateway)] : ids.gateway);
    const places: Place[] = [...gateways, ...ids.presence];
    const newest = world.charm?.registry.disk.topology?.epoch ?? 0;
    if (envoy.epoch < newest) return true;
    // Where all are drained nobody knows of anybody.
    if (world.charm?.registry.disk.view?.owner("presence", user) === undefined) return true;
    for (const place of places) {
      const process = nodes.get(place)!.process;
      if (process === undefined ? gateways.has(place) : process.paused || (world.epochs.get(place) ?? 0) < newest) return true;
      if (net.isCut([place, "envoy"])) return true;
    }
    if (!ids.presence.some((id) => nodes.get(id)!.process !== undefined)) return true;
    return [watcher, ...theirs].some(({ name }) => net.isCut([name, "envoy"]));
  }
}
