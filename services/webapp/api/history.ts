import { memberChannel } from "../access.ts";
import { cursorArgument, limitArgument, nextPage, readCursor, usualPage, writeCursor } from "../cursor.ts";
import { method } from "../method.ts";

/** `conversations.history`: newest first, paged towards the past. */
export const history = method(
  {
    channel: { kind: "text", required: true },
    latest: { kind: "ts", default: "0.000000", error: "invalid_ts_latest" },
    oldest: { kind: "ts", default: "0.000000", error: "invalid_ts_oldest" },
    inclusive: { kind: "bool", default: false },
    limit: limitArgument,
    cursor: cursorArgument,
  },
  async (context, { channel: id, latest, oldest, inclusive, limit, cursor }) => {
    const channel = await memberChannel(context, id);
    const resumed = readCursor("next_ts", cursor, /^\d{1,10}\.\d{6}$/);
    const page = await context.mesh.history(channel.id, {
      latest: resumed === "" ? given(latest) : inclusive ? justBefore(resumed) : resumed,
      oldest: given(oldest),
      inclusive,
      limit: limit === 0 ? usualPage : limit,
    });
    const last = page.has_more ? page.messages.at(-1)?.ts : undefined;
    return { messages: page.messages, has_more: page.has_more, pin_count: 0, ...(last === undefined ? {} : nextPage(writeCursor("next_ts", last))) };
  },
);

function given(ts: string): string {
  return Number(ts) === 0 ? "" : ts;
}

/** `inclusive` is meant for the caller's own bounds; a cursor's message was on the page before. */
function justBefore(ts: string): string {
  const [seconds, micros] = ts.split(".") as [string, string];
  const before = (BigInt(seconds + micros) - 1n).toString().padStart(7, "0");
  return `${before.slice(0, -6)}.${before.slice(-6)}`;
}
