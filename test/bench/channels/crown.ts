/** A channel server that is alone: it gets every slot. */
import { setTimeout as sleep } from "node:timers/promises";
import { ask } from "../../../services/runtime/request.ts";
import type { BenchRegistry } from "../registry.ts";

/** Resolves when the server at this address knows that all slots are its own. */
export async function crown(registry: BenchRegistry, addr: string): Promise<void> {
  const epoch = await registry.crown({ channel: ["cs-0", addr] });
  while ((await statusOf(addr)).epoch !== epoch) await sleep(20);
}

/** `GET /v1/status` of a channel server. */
export async function statusOf(addr: string): Promise<{ readonly epoch: number; readonly channels: number; readonly subscriptions: number }> {
  return (await ask(`http://${addr}/v1/status`)).json as { epoch: number; channels: number; subscriptions: number };
}
