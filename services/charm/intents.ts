/** What operators want of the ring, kept under `ringway/intents` until they want something else. Pure. */
import { isId } from "../protocol/ids.ts";
import { asObject } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import { ProtocolError } from "../protocol/problems.ts";
import { type Pool, pools, type Topology } from "../protocol/topology.ts";
import { isZone } from "../ring/topology.ts";

export const INTENTS_KEY = "ringway/intents";

export type Pin = readonly [number, string];

export interface Intents {
  readonly v: 1;
  /** IDs of servers that shall own nothing; kept while they are away, until they are undrained */
  readonly drain: readonly string[];
  /** drained server → ms within which its clients shall have left, where somebody chose; else they leave at the gateways' own rate */
  readonly drainMs: Readonly<Record<string, number>>;
  /** zones whose servers shall own nothing, whoever registers there → ms as above; null = nobody chose */
  readonly zones: Readonly<Record<string, number | null>>;
  /** server ID → weight in place of the one it registered with */
  readonly weights: Readonly<Record<string, number>>;
  readonly pins: Readonly<Record<Pool, readonly Pin[]>>;
}

export const noIntents: Intents = { v: 1, drain: [], drainMs: {}, zones: {}, weights: {}, pins: { channel: [], presence: [], gateway: [] } };

/** One operator's wish for one server; what it does not name stays. `weight: null` takes the registered weight again. */
export interface ServerIntent {
  readonly drain?: boolean;
  /** only with `drain: true` */
  readonly drainMs?: number;
  readonly weight?: number | null;
}

/** @throws ProtocolError bad_request that names the field */
export function readServerIntent(body: unknown): ServerIntent {
  const { drain, drain_ms: drainMs, weight, ...rest } = asObject(body, "the body");
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new ProtocolError("bad_request", `'${unknown.slice(0, 64)}' is not known: drain, drain_ms or weight`);
  if (drain === undefined && weight === undefined) throw new ProtocolError("bad_request", "drain or weight is required");
  if (drain !== undefined && typeof drain !== "boolean") throw new ProtocolError("bad_request", "drain must be true or false");
  if (weight !== undefined && weight !== null && !isWhole(weight, 65_535)) throw new ProtocolError("bad_request", "weight must be a whole number 0..65535, or null");
  checkDrainMs(drain, drainMs);
  return { ...(drain === undefined ? {} : { drain }), ...(drainMs === undefined ? {} : { drainMs: drainMs as number }), ...(weight === undefined ? {} : { weight: weight as number | null }) };
}

/** An operator's wish for a zone. */
export interface ZoneIntent {
  readonly drain: boolean;
  readonly drainMs?: number;
}

/** @throws ProtocolError bad_request that names the field */
export function readZoneIntent(body: unknown): ZoneIntent {
  const { drain, drain_ms: drainMs, ...rest } = asObject(body, "the body");
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new ProtocolError("bad_request", `'${unknown.slice(0, 64)}' is not known: drain or drain_ms`);
  if (typeof drain !== "boolean") throw new ProtocolError("bad_request", "drain must be true or false");
  checkDrainMs(drain, drainMs);
  return { drain, ...(drainMs === undefined ? {} : { drainMs: drainMs as number }) };
}

function checkDrainMs(drain: unknown, drainMs: unknown): void {
  if (drainMs === undefined) return;
  if (drain !== true) throw new ProtocolError("bad_request", "drain_ms goes with drain: true");
  if (!isDrainMs(drainMs)) throw new ProtocolError("bad_request", `drain_ms must be a whole number ${limits.drainMsLeast}..${limits.drainMsMost}`);
}

/** @throws ProtocolError bad_request that names the field */
export function readPins(value: unknown): readonly Pin[] {
  if (!Array.isArray(value) || value.length > limits.pins) throw new ProtocolError("bad_request", `pins must be a list of at most ${limits.pins}`);
  const seen = new Set<number>();
  const list = value.map((pin: unknown, i): Pin => {
    const [slot, id] = Array.isArray(pin) && pin.length === 2 ? (pin as unknown[]) : [];
    if (!isWhole(slot, 65_535)) throw new ProtocolError("bad_request", `pins[${i}] must be [slot 0..65535, server ID]`);
    if (typeof id !== "string" || !isId(id)) throw new ProtocolError("bad_request", `pins[${i}][1] is not a server ID`);
    if (seen.has(slot)) throw new ProtocolError("bad_request", `pins[${i}]: slot ${slot} is pinned twice`);
    seen.add(slot);
    return [slot, id];
  });
  return list.sort((a, b) => a[0] - b[0]);
}

/** One slot and its server; null = it is let go. */
export type PinWish = readonly [slot: number, server: string | null];

/** @throws ProtocolError bad_request */
export function readPin(value: unknown): PinWish {
  const [slot, id] = Array.isArray(value) && value.length === 2 ? (value as unknown[]) : [];
  if (!isWhole(slot, 65_535)) throw new ProtocolError("bad_request", "pin must be [slot 0..65535, server ID or null]");
  if (id !== null && (typeof id !== "string" || !isId(id))) throw new ProtocolError("bad_request", "pin[1] is not a server ID, nor null");
  return [slot, id];
}

/** The list in which a slot is bound to a server, or to nobody. @throws ProtocolError not_found (to let go what is not pinned), bad_request (there are too many) */
export function withPin(pins: readonly Pin[], [slot, id]: PinWish): readonly Pin[] {
  const others = pins.filter(([pinned]) => pinned !== slot);
  if (id === null) {
    if (others.length === pins.length) throw new ProtocolError("not_found", `slot ${slot} is not pinned`);
    return others;
  }
  if (others.length >= limits.pins) throw new ProtocolError("bad_request", `there are ${limits.pins} pins already`);
  return [...others, [slot, id] as const].sort((a, b) => a[0] - b[0]);
}

/** The document from the registry. @throws ProtocolError bad_request */
export function readIntents(value: unknown): Intents {
  // The two in the middle are younger than the document.
  const { v, drain, drainMs = {}, zones = {}, weights, pins: given } = asObject(value, "intents");
  if (v !== 1) throw new ProtocolError("bad_request", "intents.v must be 1");
  if (!Array.isArray(drain) || !drain.every((id) => typeof id === "string" && isId(id))) throw new ProtocolError("bad_request", "intents.drain must be server IDs");
  const byId = asObject(weights, "intents.weights");
  for (const [id, weight] of Object.entries(byId)) {
    if (!isId(id) || !isWhole(weight, 65_535)) throw new ProtocolError("bad_request", "intents.weights must be server ID → 0..65535");
  }
  const times = asObject(drainMs, "intents.drainMs");
  for (const [id, ms] of Object.entries(times)) if (!isId(id) || !isDrainMs(ms)) throw new ProtocolError("bad_request", "intents.drainMs must be server ID → milliseconds");
  const byZone = asObject(zones, "intents.zones");
  for (const [zone, ms] of Object.entries(byZone)) {
    if (zone === "" || !isZone(zone) || (ms !== null && !isDrainMs(ms))) throw new ProtocolError("bad_request", "intents.zones must be zone → milliseconds or null");
  }
  const byPool = asObject(given, "intents.pins");
  const pins = Object.fromEntries(pools.map((pool) => [pool, readPins(byPool[pool] ?? [])])) as unknown as Intents["pins"];
  return { v: 1, drain: drain as string[], drainMs: times as Record<string, number>, zones: byZone as Record<string, number | null>, weights: byId as Record<string, number>, pins };
}

/** What a topology says of its operators' intents: where their own document is damaged, nothing may change by that. */
export function intentsOf(topology: Topology | undefined): Intents {
  if (topology === undefined) return noIntents;
  const servers = pools.flatMap((pool) => topology.pools[pool].servers);
  return {
    v: 1,
    drain: servers.filter((server) => server.state === "draining").map((server) => server.id),
    drainMs: Object.fromEntries(servers.flatMap(({ id, drainMs }) => (drainMs === undefined ? [] : [[id, drainMs]]))),
    zones: {},
    weights: Object.fromEntries(servers.map((server) => [server.id, server.weight])),
    pins: Object.fromEntries(pools.map((pool) => [pool, topology.pools[pool].pins])) as unknown as Intents["pins"],
  };
}

/** The weight that an operator gave a server. (`constructor` is a valid server ID, too.) */
export function weightOf(intents: Intents, id: string): number | undefined {
  return Object.hasOwn(intents.weights, id) ? intents.weights[id] : undefined;
}

/** Whether a server shall own nothing, by itself or with its zone, and how long its clients have to leave. */
export function drainOf({ drain, drainMs, zones }: Intents, { id, zone }: { readonly id: string; readonly zone: string }): { readonly drainMs: number | undefined } | undefined {
  const own = Object.hasOwn(drainMs, id) ? drainMs[id] : undefined;
  if (Object.hasOwn(zones, zone)) {
    const ofZone = zones[zone] ?? undefined;
    // Both were asked for: who is gone within the shorter time is gone within the longer one, too.
    return { drainMs: own === undefined || ofZone === undefined ? (own ?? ofZone) : Math.min(own, ofZone) };
  }
  return drain.includes(id) ? { drainMs: own } : undefined;
}

export function withZone(intents: Intents, zone: string, { drain, drainMs }: ZoneIntent): Intents {
  const zones = new Map(Object.entries(intents.zones));
  if (drain) zones.set(zone, drainMs ?? null);
  else zones.delete(zone);
  return { ...intents, zones: Object.fromEntries(zones) };
}

export function withServer(intents: Intents, id: string, { drain, drainMs, weight }: ServerIntent): Intents {
  const others = intents.drain.filter((other) => other !== id);
  const weights = new Map(Object.entries(intents.weights));
  const times = new Map(Object.entries(intents.drainMs));
  if (drain !== undefined) times.delete(id);
  if (drainMs !== undefined) times.set(id, drainMs);
  if (weight === null) weights.delete(id);
  else if (weight !== undefined) weights.set(id, weight);
  return {
    ...intents,
    drain: (drain ?? intents.drain.includes(id)) ? [...others, id].sort() : others,
    drainMs: Object.fromEntries(times),
    weights: Object.fromEntries(weights),
  };
}

export function withPins(intents: Intents, pool: Pool, pins: readonly Pin[]): Intents {
  return { ...intents, pins: { ...intents.pins, [pool]: pins } };
}

function isDrainMs(value: unknown): value is number {
  return isWhole(value, limits.drainMsMost) && value >= limits.drainMsLeast;
}

function isWhole(value: unknown, max: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max;
}
