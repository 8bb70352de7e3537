/** What an operator does to a running plane, and what one may ask it. */
import type { Pool, Topology } from "../../services/protocol/topology.ts";
import { ask } from "../../services/runtime/request.ts";
import { call, connectRtm } from "./client.ts";
import { everybody, people, type Person } from "./people.ts";
import type { TestPlane } from "./plane.ts";
import { inParallel, until } from "./wait.ts";

/** Where a plane is reached, whatever runs it. */
export type Reached = Pick<TestPlane, "url" | "mesh" | "charm">;

/** Drains a server or takes it back. */
export function drain(plane: Reached, server: string, on: boolean): Promise<void> {
  return intend(plane, server, { drain: on });
}

/** Gives a server another weight; null = the one that it registered with. */
export function weigh(plane: Reached, server: string, weight: number | null): Promise<void> {
  return intend(plane, server, { weight });
}

async function intend(plane: Reached, server: string, wish: object): Promise<void> {
  const { status, bytes } = await ask(`${plane.charm}/v1/charm/servers/${server}`, { method: "PUT", body: wish });
  if (status >= 300) throw new Error(`${JSON.stringify(wish)} for ${server}: ${status} ${bytes.toString("utf8")}`);
}

/** Waits until charm has nothing more to move. @returns steps that it published meanwhile */
export async function rebalanced(plane: Reached): Promise<number> {
  const { epoch } = await topologyOf(plane);
  await until("the end of the rebalance", async () => (await charmStatus(plane)).rebalance === null, 30_000);
  return (await topologyOf(plane)).epoch - epoch;
}

export async function topologyOf(plane: Reached): Promise<Topology> {
  return (await getJson(`${plane.charm}/v1/charm/topology`)) as Topology;
}

export interface CharmStatus {
  readonly rebalance: { readonly left_percent: number; readonly waiting_for: readonly string[] } | null;
  readonly pools: Readonly<Record<Pool, { readonly registered: number; readonly passing: number; readonly up: number; readonly draining: number; readonly down: number }>>;
  /** registrations that can't be members: ID → why */
  readonly ignored: Readonly<Record<string, string>>;
}

export async function charmStatus(plane: Reached): Promise<CharmStatus> {
  return (await getJson(`${plane.charm}/v1/charm/status`)) as CharmStatus;
}

/** The gateway that the proxy chooses for a user now. */
export async function gatewayOf(plane: Reached, person: Person): Promise<string> {
  const rtm = await connectRtm(plane.url, person.token);
  await rtm.close();
  return rtm.frames.find((frame) => frame.type === "hello")!["x_gateway"] as string;
}

/** The server that owns a channel, by its own word. */
export async function ownerOf(plane: Reached, channel: string): Promise<string> {
  return ((await getJson(`${plane.mesh}/v1/channels/${channel}`)) as { owner: string }).owner;
}

/** Makes `count` channels that everybody is in. @returns their IDs */
export async function makeChannels(plane: Reached, count: number, prefix: string): Promise<string[]> {
  const others = everybody.filter((person) => person !== people.ada).map((person) => person.user);
  const ids = new Array<string>(count);
  await inParallel(8, ids.fill(""), async (_, i) => {
    const { channel } = await call(plane.url, people.ada.token, "conversations.create", { name: `${prefix}-${i}` });
    const { id } = channel as { id: string };
    await call(plane.url, people.ada.token, "conversations.invite", { channel: id, users: others.join(",") });
    ids[i] = id;
  });
  return ids;
}

async function getJson(url: string): Promise<unknown> {
  const { status, bytes, json } = await ask(url);
  if (status !== 200) throw new Error(`${url}: ${status} ${bytes.toString("utf8")}`);
  return json;
}
