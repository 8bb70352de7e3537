/** One pool: its members as the registry sees them → the servers its ring shall have. Pure. */
import { limits } from "../protocol/limits.ts";
import type { Pool, Server } from "../protocol/topology.ts";
import { Endpoints } from "./endpoints.ts";
import { ChurnGuard } from "./guard.ts";
import { drainOf, type Intents, type Pin, weightOf } from "./intents.ts";
import type { Member } from "./member.ts";

export interface Timing {
  readonly settleMs: number;
  readonly lingerMs: number;
  readonly bootGraceMs: number;
  readonly guardWindowMs: number;
}

/** While more than half of a pool has not registered again, it is waited for this many times the grace. */
const MISSING_GRACE_FACTOR = 5;

export type Wanted = { readonly servers: readonly Server[]; readonly pins: readonly Pin[] };

export class PoolState {
  readonly pool: Pool;
  readonly guard: ChurnGuard;
  readonly endpoints: Endpoints;
  readonly #timing: Timing;
  /** what the ring has now, by ID */
  #base: ReadonlyMap<string, Server>;
  #members: ReadonlyMap<string, Member> = new Map();
  /** members of the topology that were not seen since this process began, or since the registry was lost, and since when they are waited for */
  readonly #missing: Map<string, number>;
  #isLost = false;

  constructor(pool: Pool, base: readonly Server[], timing: Timing, bootAt: number) {
    this.pool = pool;
    this.guard = new ChurnGuard(timing.guardWindowMs);
    this.endpoints = new Endpoints(timing.settleMs, timing.lingerMs);
    this.endpoints.remember(base.map((server) => server.addr));
    this.#timing = timing;
    this.#base = byId(base);
    this.#missing = new Map([...this.#base.keys()].map((id) => [id, bootAt]));
  }

  get members(): ReadonlyMap<string, Member> {
    return this.#members;
  }

  rebase(base: readonly Server[]): void {
    this.#base = byId(base);
    for (const id of this.#missing.keys()) if (!this.#base.has(id)) this.#missing.delete(id);
  }

  /** The registry is lost. When it is back, who is not in its list has not left, but may have yet to register again: it may have forgotten everybody. */
  lost(): void {
    this.#isLost = true;
  }

  /** The registry's newest list of the pool's members. */
  take(list: readonly Member[], now: number): void {
    const before = this.#members;
    this.#members = byId(list);
    if (this.#isLost) {
      this.#isLost = false;
      // Who was missing before has waited before: a registry that comes and goes must not keep those who left.
      for (const id of this.#base.keys()) if (!this.#missing.has(id)) this.#missing.set(id, now);
    }
    const seenBefore = (id: string): boolean => before.get(id)?.passing ?? this.#isAlive(id);
    for (const member of this.#members.values()) {
      if (member.passing) this.guard.recovered(member.id, now);
      else if (seenBefore(member.id) && this.#isAlive(member.id)) this.guard.turned(member.id, this.#alive(now), now);
      this.#missing.delete(member.id);
    }
    for (const member of before.values()) {
      if (member.passing && !this.#members.has(member.id)) this.guard.recovered(member.id, now);
    }
  }

  /** Works out what Envoy must know and what the ring shall be. @param pending addresses of a document that is being published */
  update(pending: Iterable<string>, intents: Intents, now: number): { readonly endpointsChanged: boolean; readonly wanted: Wanted } {
    this.guard.settle(now);
    const graceMs = this.#graceMs();
    for (const [id, since] of this.#missing) if (now >= since + graceMs) this.#missing.delete(id);
    const needed = new Set(pending);
    for (const server of this.#base.values()) needed.add(server.addr);
    for (const member of this.#members.values()) needed.add(member.addr);
    const endpointsChanged = this.endpoints.update(needed, now);
    return { endpointsChanged, wanted: this.#wanted(intents, now) };
  }

  /** When `update` may come to something else with no event before. */
  nextDue(now: number): number {
    const due = [this.endpoints.nextDrop(), this.guard.settlesAt()];
    const graceMs = this.#graceMs();
    for (const since of this.#missing.values()) due.push(since + graceMs);
    for (const at of this.#additions()) due.push(at, at + this.#timing.settleMs);
    return Math.min(...due.filter((at) => at > now));
  }

  #wanted(intents: Intents, now: number): Wanted {
    const servers: Server[] = [];
    const admitted = this.#admission(now);
    for (const id of [...new Set([...this.#base.keys(), ...this.#members.keys()])].sort()) {
      const server = this.#server(id, intents, admitted);
      if (server !== undefined) servers.push(server);
    }
    const kept = bounded(servers, this.#base);
    const ids = new Set(kept.map((server) => server.id));
    return { servers: kept, pins: intents.pins[this.pool].filter(([, id]) => ids.has(id)) };
  }

  #server(id: string, intents: Intents, admitted: (addr: string) => boolean): Server | undefined {
    const now = this.#base.get(id);
    const member = this.#members.get(id);
    const wish = ({ addr, zone, weight, state }: Omit<Server, "id">): Server => {
      const drain = state === "down" ? undefined : drainOf(intents, { id, zone });
      return {
        id,
        addr,
        zone,
        weight: weightOf(intents, id) ?? member?.weight ?? weight,
        state: state === "down" ? "down" : drain === undefined ? "up" : "draining",
        ...(drain?.drainMs === undefined || this.pool !== "gateway" ? {} : { drainMs: drain.drainMs }),
      };
    };
    if (member === undefined) return now !== undefined && (this.guard.isHeld(id) || this.#missing.has(id)) ? wish(now) : undefined;
    if (!member.passing) {
      if (now === undefined) return undefined;
      return wish(this.guard.isHeld(id) ? now : { ...now, state: "down" });
    }
    // A known server that comes back at a new address keeps its old record until Envoy knows the new one.
    if (!admitted(member.addr)) return now === undefined ? undefined : wish(now);
    return wish({ addr: member.addr, zone: member.zone, weight: member.weight, state: "up" });
  }

  /** When each address that the ring shall gain is settled. */
  #additions(): number[] {
    const used = new Set([...this.#base.values()].map((server) => server.addr));
    return [...this.#members.values()].filter((member) => member.passing && !used.has(member.addr)).map((member) => this.endpoints.settledAt(member.addr));
  }

  /** Servers that start together enter together, so that slots move once: the oldest waits for the youngest, but not for more than a settle time. */
  #admission(now: number): (addr: string) => boolean {
    const additions = this.#additions();
    const waiting = new Set(additions);
    const open = additions.every((at) => at <= now) || additions.some((at) => at + this.#timing.settleMs <= now);
    return (addr) => {
      const at = this.endpoints.settledAt(addr);
      return at === -Infinity || (at <= now && (open || !waiting.has(at)));
    };
  }

  #isAlive(id: string): boolean {
    const server = this.#base.get(id);
    return server !== undefined && server.state !== "down";
  }

  #alive(now: number): number {
    let count = 0;
    for (const id of this.#base.keys()) if (this.#isAlive(id) || this.guard.isRecent(id, now)) count++;
    return count;
  }

  #graceMs(): number {
    const most = [...this.#base.keys()].filter((id) => this.#missing.has(id)).length > this.#base.size / 2;
    return this.#timing.bootGraceMs * (most ? MISSING_GRACE_FACTOR : 1);
  }
}

function byId<T extends { readonly id: string }>(list: readonly T[]): ReadonlyMap<string, T> {
  return new Map(list.map((item) => [item.id, item]));
}

/** At most `limits.servers`; those the ring has already come first. */
function bounded(servers: readonly Server[], base: ReadonlyMap<string, Server>): readonly Server[] {
  if (servers.length <= limits.servers) return servers;
  let room = limits.servers - servers.filter((server) => base.has(server.id)).length;
  return servers.filter((server) => base.has(server.id) || room-- > 0);
}
