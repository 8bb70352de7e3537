/** Waits until what an operator changed has happened: the slots have moved, and a drained gateway's clients have left. */
import { setTimeout as pause } from "node:timers/promises";
import type { Rebalance } from "../protocol/operator.ts";
import { ask } from "../runtime/request.ts";
import { urlOf } from "../runtime/tls.ts";
import { askCharm, currentTopology } from "./operator.ts";
import { progress } from "./progress.ts";

const everyMs = 250;
const answerMs = 3_000;

/** What was waited for can't happen any more. */
export class Unsettled extends Error {}

interface Status {
  readonly rebalance: Rebalance | null;
  /** charms of before have no `zones` */
  readonly intents: { readonly drain: readonly string[]; readonly zones?: Readonly<Record<string, unknown>> };
}

/**
 * @param servers whose sessions count where they are gateways
 * @param drains whether they shall be empty in the end
 * @param ofZone they are what a zone has: one that is down already has nobody who could leave, and is not waited for. Where it was named, that is an answer
 * @throws Unsettled when all were waited for, with the first one's reason
 */
export async function settled(charmUrl: string, servers: readonly string[], drains: boolean, ofZone = false): Promise<void> {
  const gateways = drains ? (await currentTopology(charmUrl)).pools.gateway.servers.filter(({ id, state }) => servers.includes(id) && !(ofZone && state === "down")) : [];
  const slots = progress("slots to move");
  try {
    let most = 0;
    for (let { rebalance: left } = await statusOf(charmUrl); left !== null; { rebalance: left } = await statusOf(charmUrl)) {
      most = Math.max(most, left.left_percent);
      slots.at(1 - left.left_percent / most, left.waiting_for.length > 0 ? `waits for ${left.waiting_for.join(", ")}` : `${left.left_percent} % of all are left`);
      await pause(everyMs);
    }
  } finally {
    slots.end();
  }
  let first: Unsettled | undefined;
  for (const { id } of gateways) {
    try {
      await sessionsLeft(charmUrl, id);
    } catch (error) {
      if (!(error instanceof Unsettled)) throw error;
      first ??= error;
    }
  }
  if (first !== undefined) throw first;
}

async function statusOf(charmUrl: string): Promise<Status> {
  return (await askCharm(charmUrl, "/v1/charm/status")) as Status;
}

/** A gateway that does not answer may have all of its sessions still: only the topology says that it is gone. */
async function sessionsLeft(charmUrl: string, server: string): Promise<void> {
  const bar = progress("sessions to leave");
  try {
    let most = 0;
    for (;;) {
      const { addr, isDraining } = await gatewayIn(charmUrl, server);
      const left = isDraining ? await sessionsAt(addr) : undefined;
      if (left === 0) return;
      most = Math.max(most, left ?? 0);
      if (left !== undefined) bar.at(1 - left / most, `${left} are left at ${server}`);
      else bar.at(0, isDraining ? `${server} does not answer` : "the topology does not say yet that it drains");
      await pause(everyMs);
    }
  } finally {
    bar.end();
  }
}

/** @throws Unsettled where it is gone, or shall not be drained any more */
async function gatewayIn(charmUrl: string, server: string): Promise<{ readonly addr: string; readonly isDraining: boolean }> {
  const [{ intents }, { pools }] = await Promise.all([statusOf(charmUrl), currentTopology(charmUrl)]);
  const found = pools.gateway.servers.find(({ id }) => id === server);
  if (found === undefined || found.state === "down") throw new Unsettled(`${server} is gone: ${found === undefined ? "it left the ring" : "it is down"} before it said that its clients had left`);
  if (!intents.drain.includes(server) && !Object.hasOwn(intents.zones ?? {}, found.zone)) throw new Unsettled(`${server} shall not be drained any more: somebody took that back`);
  return { addr: found.addr, isDraining: found.state === "draining" };
}

/** undefined: it does not say */
async function sessionsAt(addr: string): Promise<number | undefined> {
  const answer = await ask(`${urlOf(addr)}/v1/status`, { timeoutMs: answerMs }).catch(() => undefined);
  const sessions = answer?.status === 200 ? (answer.json as { sessions?: unknown } | null | undefined)?.sessions : undefined;
  return typeof sessions === "number" ? sessions : undefined;
}
