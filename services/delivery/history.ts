/** A channel's history as a client reads it: page by page, each asked for again until there is an answer. */
import { setTimeout as pause } from "node:timers/promises";
import { limits } from "../protocol/limits.ts";
import { textOf, type Plan, type Stored } from "./happened.ts";
import { callApi, type NoAnswer } from "./web-api.ts";

const againMs = 200;

/**
 * @param part what lies after this offset is enough (some more may come with it)
 * @returns messages, oldest first
 * @throws NoAnswer when the plane did not answer within the plan's `settleMs`
 */
export async function historyOf(plan: Plan, channel: string, part: { readonly after?: number; readonly token?: string } = {}): Promise<Stored[]> {
  const { after = 0, token = plan.tokens[0]! } = part;
  const deadline = performance.now() + plan.settleMs;
  const found: Stored[] = [];
  for (let cursor = ""; ; ) {
    const page = await untilAnswered(deadline, () => callApi(plan.api, token, "conversations.history", { channel, limit: limits.historyPage, ...(cursor === "" ? {} : { cursor }) }));
    for (const message of page["messages"] as readonly Readonly<Record<string, unknown>>[]) {
      const { x_off, ts, client_msg_id: key, text } = message;
      found.push({ off: Number(x_off), ts: String(ts), ...(typeof key === "string" ? { key, ...(text === textOf(key) ? {} : { damaged: true as const }) } : {}) });
    }
    cursor = (page["response_metadata"] as { readonly next_cursor?: string } | undefined)?.next_cursor ?? "";
    if (cursor === "" || (found.at(-1)?.off ?? 0) <= after) return found.reverse();
  }
}

/** @throws the last refusal */
export async function untilAnswered<T>(deadline: number, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() >= deadline) throw error as NoAnswer;
      await pause(againMs);
    }
  }
}
