/** The operator's door: what is, what is held, what was decided, drain, weight, pins, preview, release. */
import { asObject, parseJson } from "../protocol/json.ts";
import { isId } from "../protocol/ids.ts";
import { ProtocolError } from "../protocol/problems.ts";
import { type Pool, pools, type Topology } from "../protocol/topology.ts";
import type { RingModule } from "../ring/ring.ts";
import type { Routes } from "../runtime/http.ts";
import { drainOf, type Intents, type Pin, readPin, readPins, readServerIntent, readZoneIntent, weightOf, withPin, withPins, withServer, withZone } from "./intents.ts";
import { preview } from "./preview.ts";
import type { Charm } from "./state.ts";

export interface OperatorDoor {
  readonly module: RingModule;
  /** @throws ProtocolError unavailable, before charm has read the registry */
  charm(): Charm;
  rebalance(): ReturnType<Charm["rebalance"]>;
  /** the published document */
  topology(): Topology | undefined;
  /** registrations that can't be members: ID → why */
  ignored(): ReadonlyMap<string, string>;
  counters(): Readonly<Record<string, number>>;
  /** Writes changed intents and takes them, one change after the other. @throws ProtocolError unavailable, overloaded, and what `change` throws */
  changeIntents(change: (intents: Intents) => Intents): Promise<void>;
  release(pool: Pool | undefined): void;
}

export function operatorRoutes(door: OperatorDoor): Routes {
  const published = (): Topology => {
    const topology = door.topology();
    if (topology === undefined) throw new ProtocolError("ring_unavailable", "no server has ever registered");
    return topology;
  };
  return {
    "GET /v1/charm/topology": () => ({ status: 200, body: published() }),
    "GET /v1/charm/status": () => ({ status: 200, body: describe(door) }),
    "GET /v1/charm/events": ({ query }) => ({ status: 200, body: { events: door.charm().decisions(readAfter(query)) } }),
    "PUT /v1/charm/servers/{id}": async (request) => {
      const id = request.params["id"]!;
      if (!isId(id)) throw new ProtocolError("bad_id");
      const wish = readServerIntent(await request.json());
      const charm = door.charm();
      const known = charm.knows(id) || charm.intents.drain.includes(id) || weightOf(charm.intents, id) !== undefined;
      if (!known) throw new ProtocolError("not_found", `no server '${id}' is registered`);
      await door.changeIntents((intents) => withServer(intents, id, wish));
      return { status: 200, body: { id, drain: charm.intents.drain.includes(id), weight: weightOf(charm.intents, id) ?? null, epoch: charm.epoch } };
    },
    "PUT /v1/charm/zones/{zone}": async (request) => {
      const zone = request.params["zone"]!;
      const wish = readZoneIntent(await request.json());
      const charm = door.charm();
      const servers = pools.flatMap((pool) => published().pools[pool].servers.filter((server) => server.zone === zone).map(({ id }) => id));
      if (servers.length === 0 && !Object.hasOwn(charm.intents.zones, zone)) throw new ProtocolError("not_found", `no server is in zone '${zone}'`);
      await door.changeIntents((intents) => {
        const next = withZone(intents, zone, wish);
        if (wish.drain) refuseEmptyPool(published(), intents, next, zone);
        return next;
      });
      return { status: 200, body: { zone, drain: wish.drain, drain_ms: wish.drainMs ?? null, servers, epoch: charm.epoch } };
    },
    "PUT /v1/charm/pins": async (request) => {
      const { pool, ...wish } = asObject(await request.json(), "the body");
      const checked = readPool(pool);
      const { servers, change } = readPinChange(wish);
      const charm = door.charm();
      const stranger = servers.find((id) => !charm.knows(id));
      if (stranger !== undefined) throw new ProtocolError("not_found", `no server '${stranger}' is registered`);
      await door.changeIntents((intents) => withPins(intents, checked, change(intents.pins[checked])));
      return { status: 200, body: { pool: checked, pins: charm.intents.pins[checked], epoch: charm.epoch } };
    },
    "POST /v1/charm/preview": async (request) => ({ status: 200, body: preview(door.module, published(), door.charm().intents, await request.json()) }),
    "POST /v1/charm/release": async (request) => {
      const bytes = await request.bytes();
      const { pool } = bytes.length === 0 ? {} : asObject(parseJson(bytes), "the body");
      const checked = pool === undefined ? undefined : readPool(pool);
      const charm = door.charm();
      // What is held is this process's own knowledge: another charm would go on holding it.
      if (!charm.leading) throw new ProtocolError("misdirected", "this charm does not lead; of several, ask the one whose /v1/status says that it does");
      const released = Object.fromEntries(pools.filter((each) => checked === undefined || each === checked).map((each) => [each, charm.held(each)]));
      door.release(checked);
      return { status: 200, body: { released, epoch: charm.epoch } };
    },
  };
}

/** One pin, or the whole list of a pool: the servers that it names, and what it makes of the list that there is. @throws ProtocolError bad_request */
function readPinChange({ pin, pins, ...rest }: Readonly<Record<string, unknown>>): { readonly servers: readonly string[]; readonly change: (now: readonly Pin[]) => readonly Pin[] } {
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new ProtocolError("bad_request", `'${unknown.slice(0, 64)}' is not known: pool, pin or pins`);
  if ((pin === undefined) === (pins === undefined)) throw new ProtocolError("bad_request", "either pin or pins is required");
  if (pin === undefined) {
    const list = readPins(pins);
    return { servers: list.map(([, id]) => id), change: () => list };
  }
  const wish = readPin(pin);
  return { servers: wish[1] === null ? [] : [wish[1]], change: (now) => withPin(now, wish) };
}

/** A drain of a zone must leave a server in each pool that has one now. @throws ProtocolError bad_request */
function refuseEmptyPool(topology: Topology, before: Intents, after: Intents, zone: string): void {
  for (const pool of pools) {
    const working = (intents: Intents) => topology.pools[pool].servers.filter((server) => server.state !== "down" && server.weight > 0 && drainOf(intents, server) === undefined);
    if (working(before).length > 0 && working(after).length === 0) throw new ProtocolError("bad_request", `all ${pool} servers that are up are in zone '${zone}': nobody would be left`);
  }
}

function readAfter(query: URLSearchParams): number {
  const after = Number(query.get("after") ?? 0);
  if (!Number.isSafeInteger(after) || after < 0) throw new ProtocolError("bad_request", "after must be the number of an event, a whole number from 0");
  return after;
}

function readPool(pool: unknown): Pool {
  const known = pools.find((each) => each === pool);
  if (known === undefined) throw new ProtocolError("bad_request", `pool must be one of ${pools.join(", ")}`);
  return known;
}

function describe(door: OperatorDoor): unknown {
  const charm = door.charm();
  const topology = door.topology();
  const count = (pool: Pool) => {
    const servers = topology?.pools[pool].servers ?? [];
    const members = [...charm.members(pool).values()];
    return {
      registered: members.length,
      passing: members.filter((member) => member.passing).length,
      up: servers.filter((server) => server.state === "up").length,
      draining: servers.filter((server) => server.state === "draining").length,
      down: servers.filter((server) => server.state === "down").length,
      endpoints: charm.endpoints(pool),
    };
  };
  const rebalance = door.rebalance();
  return {
    leading: charm.leading,
    epoch: topology?.epoch ?? null,
    rebalance: rebalance === undefined ? null : { left_percent: Math.ceil(1_000 * rebalance.left) / 10, waiting_for: rebalance.waitingFor },
    held: Object.fromEntries(pools.map((pool) => [pool, charm.held(pool)] as const).filter(([, held]) => held.length > 0)),
    pools: Object.fromEntries(pools.map((pool) => [pool, count(pool)])),
    intents: charm.intents,
    ignored: Object.fromEntries(door.ignored()),
    counters: door.counters(),
  };
}
