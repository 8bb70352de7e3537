/** What a change would move, worked out on the published topology and not carried out. */
import { isId } from "../protocol/ids.ts";
import { asObject } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import type { Preview } from "../protocol/operator.ts";
import { ProtocolError } from "../protocol/problems.ts";
import { type Pool, pools, type Server, type Topology } from "../protocol/topology.ts";
import type { RingModule, RingView } from "../ring/ring.ts";
import { SLOTS, TopologyError, validateTopology } from "../ring/topology.ts";
import { type Intents, type Pin, type PinWish, readPin, readPins, readServerIntent, withPin } from "./intents.ts";

/**
 * @param intents whose pins a single pin is added to, or taken from
 * @param body `{servers?: {id: {drain?, weight?}}, remove?: id[], add?: {pool: Server[]}, pins?: {pool: [[slot, id]]}, pin?: {pool: [slot, id | null]}}`
 * @throws ProtocolError bad_request, not_found (a server that the topology does not have, a slot that is not pinned)
 */
export function preview(module: RingModule, topology: Topology, intents: Intents, body: unknown): Preview {
  const { servers = {}, remove = [], add = {}, pins = {}, pin = {}, ...rest } = asObject(body, "the body");
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new ProtocolError("bad_request", `'${unknown.slice(0, 64)}' is not known: servers, remove, add, pins, pin`);
  if (!Array.isArray(remove) || !remove.every((id) => typeof id === "string" && isId(id))) throw new ProtocolError("bad_request", "remove must be server IDs");
  const wishes = new Map(Object.entries(asObject(servers, "servers")).map(([id, wish]) => [id, readServerIntent(wish)]));
  const has = (id: string): boolean => pools.some((pool) => topology.pools[pool].servers.some((server) => server.id === id));
  for (const id of [...wishes.keys(), ...(remove as string[])]) if (!has(id)) throw new ProtocolError("not_found", `no server '${id.slice(0, 64)}' is in the topology`);

  const change = (server: Server): Server => {
    const wish = wishes.get(server.id);
    const state = wish?.drain === undefined || server.state === "down" ? server.state : wish.drain ? "draining" : "up";
    return { ...server, weight: wish?.weight ?? server.weight, state };
  };
  const added = asObject(add, "add");
  const pinned = asObject(pins, "pins");
  const onePinned = asObject(pin, "pin");
  const changed = pools.map((pool) => {
    const more = added[pool] ?? [];
    if (!Array.isArray(more)) throw new ProtocolError("bad_request", `add.${pool} must be a list of servers`);
    const kept = topology.pools[pool].servers.filter((server) => !remove.includes(server.id)).map(change);
    const list = onePinned[pool] === undefined ? (pinned[pool] === undefined ? topology.pools[pool].pins : readPins(pinned[pool])) : withWish(readPin(onePinned[pool]), intents.pins[pool], kept);
    return [pool, { ...topology.pools[pool], servers: [...kept, ...(more as unknown[])], pins: list }];
  });
  try {
    const before = module.build(topology);
    const { digest: _, ...unsealed } = topology;
    const after = module.build(validateTopology({ ...unsealed, pools: Object.fromEntries(changed) as unknown }));
    const moves = pools.flatMap((pool) => movesOf(before, after, pool));
    before.dispose();
    after.dispose();
    const moved = Object.fromEntries(pools.map((pool) => [pool, moves.reduce((sum, move) => sum + (move.pool === pool ? move.slots : 0), 0)])) as Record<Pool, number>;
    return { epoch: topology.epoch, moved, moves: moves.sort((a, b) => b.slots - a.slots).slice(0, limits.previewMoves) };
  } catch (error) {
    if (error instanceof TopologyError) throw new ProtocolError("bad_request", error.message);
    throw error;
  }
}

/** As charm does itself: the pins of servers that are away wait for them, outside of the topology. */
function withWish(wish: PinWish, pins: readonly Pin[], servers: readonly Server[]): readonly Pin[] {
  return withPin(pins, wish).filter(([, id]) => id === wish[1] || servers.some((server) => server.id === id));
}

function movesOf(before: RingView, after: RingView, pool: Pool): Preview["moves"][number][] {
  const counts = new Map<string, number>();
  for (let slot = 0; slot < SLOTS; slot++) {
    // A space is in no ID, and nobody's is empty.
    const [from, to] = [before.ownerOfSlot(pool, slot)?.id ?? "", after.ownerOfSlot(pool, slot)?.id ?? ""];
    if (from !== to) counts.set(`${from} ${to}`, (counts.get(`${from} ${to}`) ?? 0) + 1);
  }
  return [...counts].map(([pair, slots]) => {
    const [from, to] = pair.split(" ") as [string, string];
    return { pool, from: from || null, to: to || null, slots };
  });
}
