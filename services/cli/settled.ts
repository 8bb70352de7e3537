/** Waits until what an operator changed has happened: the slots have moved, and a drained gateway's clients have left. */
import { setTimeout as pause } from "node:timers/promises";
import type { Rebalance } from "../protocol/operator.ts";
import { ask } from "../runtime/request.ts";
import { askCharm, currentTopology } from "./operator.ts";
import { progress } from "./progress.ts";

const everyMs = 250;
const answerMs = 3_000;

/** @param server whose sessions count where it is a gateway that drains */
export async function settled(charmUrl: string, server: string): Promise<void> {
  const slots = progress("slots to move");
  try {
    let most = 0;
    for (let left = await rebalance(charmUrl); left !== null; left = await rebalance(charmUrl)) {
      most = Math.max(most, left.left_percent);
      slots.at(1 - left.left_percent / most, left.waiting_for.length > 0 ? `waits for ${left.waiting_for.join(", ")}` : `${left.left_percent} % of all are left`);
      await pause(everyMs);
    }
  } finally {
    slots.end();
  }
  const addr = (await currentTopology(charmUrl)).pools.gateway.servers.find(({ id, state }) => id === server && state === "draining")?.addr;
  if (addr !== undefined) await sessionsLeft(addr);
}

async function rebalance(charmUrl: string): Promise<Rebalance | null> {
  return ((await askCharm(charmUrl, "/v1/charm/status")) as { rebalance: Rebalance | null }).rebalance;
}

/** A gateway that does not answer any more has none. */
async function sessionsLeft(addr: string): Promise<void> {
  const bar = progress("sessions to leave");
  try {
    let most = 0;
    for (;;) {
      const answer = await ask(`http://${addr}/v1/status`, { timeoutMs: answerMs }).catch(() => undefined);
      const { sessions = 0 } = (answer?.json ?? {}) as { sessions?: number };
      if (sessions === 0) return;
      most = Math.max(most, sessions);
      bar.at(1 - sessions / most, `${sessions} are left`);
      await pause(everyMs);
    }
  } finally {
    bar.end();
  }
}
