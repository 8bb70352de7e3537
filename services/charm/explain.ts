/** Says in words what one document, or one list of intents, has that the one before had not. Pure. */
import { pools, type Pool, type Server } from "../protocol/topology.ts";
import type { TopologyDraft } from "../ring/seal.ts";
import type { Told } from "./decisions.ts";
import { type Intents, weightOf } from "./intents.ts";
import { leftToMove } from "./steps.ts";

/** What an operator changed. */
export function explainIntents(before: Intents, after: Intents): Told[] {
  const told = (text: string, rest: Omit<Told, "kind" | "text">): Told => ({ kind: "operator", text: `${text} by the operator`, ...rest });
  const weights = [...new Set([...Object.keys(before.weights), ...Object.keys(after.weights)])].sort().filter((id) => weightOf(before, id) !== weightOf(after, id));
  return [
    ...after.drain.filter((id) => !before.drain.includes(id) || before.drainMs[id] !== after.drainMs[id]).map((id) => told(`drain of ${id}${within(after.drainMs[id])}`, { servers: [id] })),
    ...before.drain.filter((id) => !after.drain.includes(id)).map((id) => told(`end of the drain of ${id}`, { servers: [id] })),
    ...Object.keys(after.zones).filter((zone) => before.zones[zone] !== after.zones[zone]).map((zone) => told(`drain of zone ${zone}${within(after.zones[zone])}`, {})),
    ...Object.keys(before.zones).filter((zone) => !Object.hasOwn(after.zones, zone)).map((zone) => told(`end of the drain of zone ${zone}`, {})),
    ...weights.map((id) => told(`weight of ${id}: ${weightOf(after, id) ?? "as it registered"},`, { servers: [id] })),
    ...pools.flatMap((pool) => explainPins(before.pins[pool], after.pins[pool]).map((text) => told(text, { pool }))),
  ];
}

function within(ms: number | null | undefined): string {
  return ms === null || ms === undefined ? "" : ` within ${ms / 1_000} s`;
}

function explainPins(before: Intents["pins"][Pool], after: Intents["pins"][Pool]): string[] {
  const [was, is] = [new Map(before), new Map(after)];
  return [
    ...after.filter(([slot, id]) => was.get(slot) !== id).map(([slot, id]) => `slot ${slot} pinned to ${id}`),
    ...before.filter(([slot]) => !is.has(slot)).map(([slot]) => `slot ${slot} let go`),
  ];
}

/** Who came, left and changed with a document. @param isRegistered whether the registry has the server, passing or not */
export function explainMembers(before: TopologyDraft["pools"], after: TopologyDraft["pools"], isRegistered: (pool: Pool, id: string) => boolean): Told[] {
  return pools.flatMap((pool) => {
    const [was, is] = [byId(before[pool].servers), byId(after[pool].servers)];
    const told = (id: string, text: string): Told => ({ kind: "member", text, pool, servers: [id] });
    const gone = before[pool].servers.filter(({ id }) => !is.has(id)).map(({ id }) => told(id, isRegistered(pool, id) ? `${id} is out: the pool is full` : `${id} left: it is not registered any more`));
    return [...gone, ...after[pool].servers.flatMap((server) => explainServer(was.get(server.id), server).map((text) => told(server.id, text)))];
  });
}

function explainServer(was: Server | undefined, { id, state, addr, zone }: Server): string[] {
  if (was === undefined) return [`${id} joined${zone === "" ? "" : ` in ${zone}`}, at ${addr}${state === "draining" ? "; it stays drained" : ""}`];
  const texts: string[] = [];
  if (was.state !== state) {
    if (state === "down") texts.push(`${id} is down: its check is critical`);
    else if (was.state === "down") texts.push(`${id} is back: its check passes`);
    else texts.push(state === "draining" ? `${id} is drained: it owns nothing` : `${id} owns slots again`);
  }
  if (was.addr !== addr) texts.push(`${id} is at ${addr} now, no longer at ${was.addr}`);
  return texts;
}

/**
 * One step of a pool on its way: how much moves by it, from whom to whom, and what is left.
 * @param goal what the pool shall be in the end
 */
export function explainStep(pool: Pool, number: number, before: readonly Server[], after: readonly Server[], goal: readonly Server[]): Told {
  const [was, is] = [shares(before), shares(after)];
  const ids = [...new Set([...was.keys(), ...is.keys()])].sort();
  const change = (id: string): number => (is.get(id) ?? 0) - (was.get(id) ?? 0);
  const names = (list: readonly string[]): string => list.join(", ") || "nobody";
  const [from, to] = [ids.filter((id) => change(id) < 0), ids.filter((id) => change(id) > 0)];
  return {
    kind: "step",
    text: `step ${number}: ${percent(leftToMove(before, after))} of the slots move from ${names(from)} to ${names(to)}; ${percent(leftToMove(after, goal))} are left`,
    pool,
    servers: [...from, ...to],
  };
}

/** Server ID → its share of the slots by weight. */
function shares(servers: readonly Server[]): ReadonlyMap<string, number> {
  const bid = ({ state, weight }: Server): number => (state === "up" ? weight : 0);
  const sum = servers.reduce((total, server) => total + bid(server), 0);
  return new Map(servers.map((server) => [server.id, sum === 0 ? 0 : bid(server) / sum]));
}

function percent(share: number): string {
  return `${Math.round(1_000 * share) / 10} %`;
}

function byId(servers: readonly Server[]): ReadonlyMap<string, Server> {
  return new Map(servers.map((server) => [server.id, server]));
}
