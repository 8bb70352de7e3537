/** A channel's whole history, page by page, oldest first. */
import { call, type Frame } from "./client.ts";

export async function historyOf(url: string, token: string, channel: string, pageSize = 200): Promise<Frame[]> {
  const all: Frame[] = [];
  for (let cursor = ""; ; ) {
    const page = await call(url, token, "conversations.history", { channel, limit: pageSize, ...(cursor === "" ? {} : { cursor }) });
    all.push(...(page["messages"] as Frame[]));
    cursor = (page["response_metadata"] as { next_cursor?: string } | undefined)?.next_cursor ?? "";
    if (cursor === "") return all.reverse();
  }
}

/** Titles of what is wrong with an ordered list of messages: each offset and ts must be higher than the one before. */
export function disorder(messages: readonly Frame[]): string[] {
  const wrong: string[] = [];
  for (let i = 1; i < messages.length; i++) {
    const [before, here] = [messages[i - 1]!, messages[i]!];
    if (!(here.x_off! > before.x_off!)) wrong.push(`offset ${here.x_off} after ${before.x_off} in ${here.channel}`);
    if (!(here.ts! > before.ts!)) wrong.push(`ts ${here.ts} after ${before.ts} in ${here.channel}`);
  }
  return wrong;
}
