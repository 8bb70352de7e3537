/**
 * charm's decisions: members and operators' intents → the topology. Endpoints are told to Envoy first, the ring names
 * them when they have settled; what leaves the ring leaves it at once and stays an endpoint for a while. A server that is
 * critical stays in the document as `down` (it owns nothing, but a link by its ID finds it when it is back); one that
 * deregisters is gone. Channel servers gain and lose slots by limited steps (steps.ts), one after the other (pace.ts); what
 * fails is taken out at once. Pure: (event, now) → effects.
 */
import type { Decision } from "../protocol/operator.ts";
import { type Pool, pools, type Server, type Topology } from "../protocol/topology.ts";
import type { TopologyDraft } from "../ring/seal.ts";
import { Decisions, type Told } from "./decisions.ts";
import { explainIntents, explainMembers, explainStep } from "./explain.ts";
import type { Intents } from "./intents.ts";
import type { Member } from "./member.ts";
import { Pace } from "./pace.ts";
import { PoolState, type Timing as PoolTiming, type Wanted } from "./pool.ts";
import { leftToMove, nextStep } from "./steps.ts";

export interface Timing extends PoolTiming {
  /** the share of a pool's slots (0..1) that one step of a rebalance moves at most; 1 = all at once */
  readonly stepShare: number;
  readonly warmWithinMs: number;
}

export type Event =
  | { readonly type: "members"; readonly pool: Pool; readonly members: readonly Member[] }
  /** The registry does not answer any more; what comes next is from after that. */
  | { readonly type: "lost"; readonly pool: Pool }
  | { readonly type: "intents"; readonly intents: Intents }
  /** the registry holds this document now, whoever wrote it; undefined = none, or one that readers don't take */
  | { readonly type: "topology"; readonly topology: Topology | undefined }
  /** a server has nothing more to hand over or to take up to this epoch, or can't be asked any more */
  | { readonly type: "warm"; readonly server: string; readonly epoch: number }
  /** the document that `publish` asked for could not be written */
  | { readonly type: "unpublished" }
  | { readonly type: "leading"; readonly leading: boolean }
  /** the operator lets go what the churn guard holds, in one pool or in all */
  | { readonly type: "release"; readonly pool: Pool | undefined }
  | { readonly type: "tick" };

export type Effect =
  /** Write this document; answered by `topology` or `unpublished`. One at a time. */
  | { readonly type: "publish"; readonly draft: TopologyDraft }
  /** Envoy's next question for the pool's endpoints has this answer. */
  | { readonly type: "endpoints"; readonly pool: Pool; readonly addresses: readonly string[] }
  /** Send a tick at this time; replaces an earlier one. */
  | { readonly type: "wake"; readonly at: number }
  /** Ask these servers until they are warm at this epoch, and none of those before; answered by `warm`, one by one. */
  | { readonly type: "askWarm"; readonly epoch: number; readonly servers: readonly { readonly id: string; readonly addr: string }[] }
  | { readonly type: "held"; readonly pool: Pool; readonly servers: readonly string[] };

export interface Boot {
  /** the last topology that was published, from the registry */
  readonly topology: Topology | undefined;
  readonly intents: Intents;
  /** the first epoch where no topology was ever published: higher than any of a cluster whose registry was lost, so that its readers take it */
  readonly firstEpoch: number;
}

/** The pool whose slots hold something that has to move: it is rebalanced by steps. */
const PACED = "channel";
/** Pause after a document could not be written. */
const RETRY_MS = 500;

export class Charm {
  readonly #pools: Readonly<Record<Pool, PoolState>>;
  #base: TopologyDraft;
  #intents: Intents;
  #leading = false;
  #publishing: TopologyDraft | undefined;
  #retryAt = 0;
  readonly #stepShare: number;
  readonly #pace: Pace;
  /** what is being published is a step, after which the servers have to be warm */
  #stepping = false;
  /** why it is published, to be told when it is: what can't be written was not decided */
  #reasons: readonly Told[] = [];
  /** what the paced pool shall be in the end */
  #goal: readonly Server[] = [];
  readonly #heldBefore = new Map<Pool, readonly string[]>();
  readonly #decisions: Decisions;
  /** steps of the rebalance that is under way; 0: none is */
  #steps = 0;

  constructor(boot: Boot, timing: Timing, now: number) {
    this.#base = boot.topology ?? emptyDraft(boot.firstEpoch - 1);
    this.#intents = boot.intents;
    this.#stepShare = timing.stepShare;
    this.#pace = new Pace(timing.warmWithinMs);
    this.#decisions = new Decisions(now);
    this.#pools = eachPool((pool) => new PoolState(pool, this.#base.pools[pool].servers, timing, now));
  }

  get epoch(): number {
    return this.#base.epoch;
  }
  get leading(): boolean {
    return this.#leading;
  }
  get intents(): Intents {
    return this.#intents;
  }
  members(pool: Pool): ReadonlyMap<string, Member> {
    return this.#pools[pool].members;
  }
  /** What Envoy is to know of a pool, sorted. */
  endpoints(pool: Pool): readonly string[] {
    return this.#pools[pool].endpoints.addresses;
  }
  /** Servers that the churn guard keeps in the ring. */
  held(pool: Pool): readonly string[] {
    return this.#pools[pool].guard.held;
  }
  /** Whether any pool has a server of that ID, in the ring or registered. */
  knows(id: string): boolean {
    return pools.some((pool) => this.#pools[pool].members.has(id) || this.#base.pools[pool].servers.some((server) => server.id === id));
  }

  /** A rebalance that is under way: the share of the slots (0..1) that is still to move, and who has to be warm before the next step. */
  rebalance(now: number): { readonly left: number; readonly waitingFor: readonly string[] } | undefined {
    const left = leftToMove(this.#base.pools[PACED].servers, this.#goal);
    const waitingFor = this.#waitingFor(now);
    return left === 0 && waitingFor.length === 0 ? undefined : { left, waitingFor };
  }

  /** What it decided and why, from a number on: at most `limits.charmDecisions`. */
  decisions(after: number): readonly Decision[] {
    return this.#decisions.after(after);
  }

  step(event: Event, now: number): Effect[] {
    const effects: Effect[] = [];
    const decide = (...told: Told[]): void => told.forEach((one) => this.#decisions.add(one, this.#base.epoch, now));
    switch (event.type) {
      case "members":
        this.#pools[event.pool].take(event.members, now);
        break;
      case "lost":
        decide({ kind: "registry", text: `the registry does not answer for ${event.pool} servers: those that are in the ring stay`, pool: event.pool });
        this.#pools[event.pool].lost();
        break;
      case "intents":
        decide(...explainIntents(this.#intents, event.intents));
        this.#intents = event.intents;
        break;
      case "topology":
        this.#takeTopology(event.topology, now, effects);
        break;
      case "warm":
        this.#pace.warm(event.server, event.epoch);
        break;
      case "unpublished":
        decide({ kind: "registry", text: `epoch ${this.#base.epoch + 1} could not be written; it is tried again` });
        this.#publishing = undefined;
        this.#retryAt = now + RETRY_MS;
        break;
      case "leading":
        if (event.leading !== this.#leading) decide({ kind: "lead", text: event.leading ? "took the lead" : "lost the lead: another charm decides" });
        this.#leading = event.leading;
        break;
      case "release":
        decide({ kind: "operator", text: `what the churn guard holds${event.pool === undefined ? "" : ` in ${event.pool}`} let go by the operator` });
        for (const pool of pools) if (event.pool === undefined || event.pool === pool) this.#pools[pool].guard.release();
        break;
      case "tick":
        break;
    }
    return this.#effects(now, effects);
  }

  #takeTopology(topology: Topology | undefined, now: number, effects: Effect[]): void {
    const stepped = this.#stepping && topology?.epoch === this.#publishing?.epoch;
    const own = topology !== undefined && topology.epoch === this.#publishing?.epoch;
    const reasons = own ? this.#reasons : [];
    this.#publishing = undefined;
    this.#stepping = false;
    if (topology === undefined || topology.epoch < this.#base.epoch) {
      // Lost, damaged or older than what readers have: publish anew what there was, one epoch on.
      this.#decisions.add({ kind: "registry", text: "the topology in the registry was lost, damaged or taken back; it is published anew" }, this.#base.epoch, now);
      this.#base = emptyDraft(this.#base.epoch);
      return;
    }
    for (const told of reasons) this.#decisions.add(told, topology.epoch, now);
    if (stepped) this.#steps++;
    if (topology.epoch > this.#base.epoch) this.#decisions.add({ kind: "published", text: `epoch ${topology.epoch} is published${own ? "" : ", by another charm"}` }, topology.epoch, now);
    this.#base = topology;
    for (const pool of pools) this.#pools[pool].rebase(topology.pools[pool].servers);
    if (!stepped) return;
    const servers = topology.pools[PACED].servers.filter(({ state }) => state !== "down").map(({ id, addr }) => ({ id, addr }));
    this.#pace.began(topology.epoch, servers.map(({ id }) => id), now);
    effects.push({ type: "askWarm", epoch: topology.epoch, servers });
  }

  #waitingFor(now: number): readonly string[] {
    const alive = this.#base.pools[PACED].servers.filter(({ id, state }) => state !== "down" && this.#pools[PACED].members.get(id)?.passing !== false);
    return this.#pace.waitingFor(new Set(alive.map(({ id }) => id)), now);
  }

  #effects(now: number, effects: Effect[]): Effect[] {
    const wanted = eachPool((pool): Wanted => {
      const pending = this.#publishing?.pools[pool].servers.map((server) => server.addr) ?? [];
      const result = this.#pools[pool].update(pending, this.#intents, now);
      if (result.endpointsChanged) effects.push({ type: "endpoints", pool, addresses: this.endpoints(pool) });
      return pool === PACED ? this.#paced(result.wanted, now) : result.wanted;
    });
    this.#tellHeld(effects, now);
    if (this.#leading && this.#publishing === undefined && now >= this.#retryAt && !sameContent(wanted, this.#base.pools)) {
      this.#publishing = { epoch: this.#base.epoch + 1, pools: wanted };
      this.#stepping = this.#stepShare < 1 && leftToMove(this.#base.pools[PACED].servers, wanted[PACED].servers) > 0;
      this.#reasons = this.#explain(this.#publishing.pools);
      effects.push({ type: "publish", draft: this.#publishing });
    }
    if (this.#steps > 0 && this.rebalance(now) === undefined) {
      this.#decisions.add({ kind: "step", text: `all slots are where they belong, after ${this.#steps} steps`, pool: PACED }, this.#base.epoch, now);
      this.#steps = 0;
    }
    const at = Math.min(...pools.map((pool) => this.#pools[pool].nextDue(now)), this.#retryAt > now ? this.#retryAt : Infinity, this.#pace.ends() > now ? this.#pace.ends() : Infinity);
    if (at < Infinity) effects.push({ type: "wake", at });
    return effects;
  }

  #explain(next: TopologyDraft["pools"]): readonly Told[] {
    const members = explainMembers(this.#base.pools, next, (pool, id) => this.#pools[pool].members.has(id));
    if (!this.#stepping) return members;
    return [...members, explainStep(PACED, this.#steps + 1, this.#base.pools[PACED].servers, next[PACED].servers, this.#goal)];
  }

  /** As much of it as may be now. */
  #paced(wanted: Wanted, now: number): Wanted {
    this.#goal = wanted.servers;
    if (this.#stepShare >= 1) return wanted;
    const share = this.#waitingFor(now).length > 0 ? 0 : this.#stepShare;
    return { ...wanted, servers: nextStep(this.#base.pools[PACED].servers, wanted.servers, share) };
  }

  #tellHeld(effects: Effect[], now: number): void {
    for (const pool of pools) {
      const servers = this.held(pool);
      const before = this.#heldBefore.get(pool) ?? [];
      if (servers.length === before.length && servers.every((id, i) => id === before[i])) continue;
      this.#heldBefore.set(pool, servers);
      effects.push({ type: "held", pool, servers });
      const alive = this.#base.pools[pool].servers.filter(({ state }) => state !== "down").length;
      const text = servers.length === 0 ? `${pool} is not held any more` : `held in ${pool}: churn guard, ${servers.length} of ${alive} servers critical at once`;
      this.#decisions.add({ kind: "held", text, pool, servers }, this.#base.epoch, now);
    }
  }
}

function eachPool<T>(make: (pool: Pool) => T): Readonly<Record<Pool, T>> {
  return Object.fromEntries(pools.map((pool) => [pool, make(pool)])) as Record<Pool, T>;
}

function emptyDraft(epoch: number): TopologyDraft {
  return { epoch, pools: eachPool(() => ({ servers: [], pins: [] })) };
}

function sameContent(a: TopologyDraft["pools"], b: TopologyDraft["pools"]): boolean {
  return pools.every((pool) => a[pool].servers.length === b[pool].servers.length && content(a[pool]) === content(b[pool]));
}

function content({ servers, pins }: Wanted): string {
  return JSON.stringify([servers.map(({ id, addr, zone, weight, state, drainMs }) => [id, addr, zone, weight, state, drainMs]), pins]);
}
