/** What clients write (docs/protocol.md, "Client"): parsed and checked once, here; and the JSON of every answer. */
import { clientErrors, type ClientError } from "../protocol/client.ts";
import { isId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import { nestedTooDeep } from "../protocol/nesting.ts";

/** The client's own number for a frame, sent back as `reply_to`. */
export type ReplyTo = number | string | undefined;

export type ClientFrame =
  | { readonly type: "ping"; readonly id: ReplyTo; readonly echo: Readonly<Record<string, unknown>> }
  | { readonly type: "message"; readonly id: ReplyTo; readonly channel: string; readonly text: string; readonly key: string | undefined; readonly draft: Readonly<Record<string, unknown>> }
  | { readonly type: "typing"; readonly id: ReplyTo; readonly channel: string }
  | { readonly type: "presence_sub" | "presence_query"; readonly id: ReplyTo; readonly users: readonly string[] }
  /** keeps a client awake; nothing to do */
  | { readonly type: "tickle"; readonly id: ReplyTo }
  | { readonly type: "refused"; readonly id: ReplyTo; readonly error: ClientError; readonly detail: string };

/** What a message may carry besides its text. The rest of a stored message is the owner's to say. */
const messageFields = ["thread_ts", "reply_broadcast", "blocks", "attachments", "metadata", "mrkdwn", "parse", "link_names", "unfurl_links", "unfurl_media"] as const;
const keyCharsMax = 128;

type Loose = Readonly<Record<string, unknown>>;

/** Never throws: what is wrong becomes `refused`. */
export function parseClientFrame(text: string): ClientFrame {
  if (nestedTooDeep(text)) return refused(undefined, "bad_json", "nested too deep");
  let frame: Loose;
  try {
    frame = JSON.parse(text) as Loose;
  } catch {
    return refused(undefined, "bad_json");
  }
  if (typeof frame !== "object" || frame === null || Array.isArray(frame)) return refused(undefined, "bad_json");
  const { id, type } = frame;
  if (id !== undefined && id !== null && typeof id !== "number" && typeof id !== "string") return refused(undefined, "bad_frame", "id must be a number or a string");
  const replyTo = id ?? undefined;
  switch (type) {
    case "ping":
      return { type, id: replyTo, echo: frame };
    case "message":
      return message(replyTo, frame);
    case "typing":
      return typeof frame["channel"] === "string" ? { type, id: replyTo, channel: frame["channel"] } : refused(replyTo, "channel_not_found");
    case "presence_sub":
    case "presence_query":
      return presence(type, replyTo, frame["ids"]);
    case "tickle":
      return { type, id: replyTo };
    default:
      return typeof type === "string" ? refused(replyTo, "unknown_type", type.slice(0, 64)) : refused(replyTo, "bad_frame", "type is missing");
  }
}

function message(id: ReplyTo, frame: Loose): ClientFrame {
  const { channel, text, client_msg_id: key } = frame;
  if (typeof channel !== "string") return refused(id, "channel_not_found");
  if (typeof text !== "string" || text === "") return refused(id, "no_text");
  if (text.length > limits.textChars) return refused(id, "msg_too_long");
  if (key !== undefined && (typeof key !== "string" || key === "" || key.length > keyCharsMax)) {
    return refused(id, "bad_frame", `client_msg_id must be a string of 1..${keyCharsMax} characters`);
  }
  const draft: Record<string, unknown> = { text };
  for (const field of messageFields) if (frame[field] !== undefined) draft[field] = frame[field];
  return { type: "message", id, channel, text, key, draft };
}

function presence(type: "presence_sub" | "presence_query", id: ReplyTo, ids: unknown): ClientFrame {
  if (!Array.isArray(ids) || !ids.every((user) => typeof user === "string" && isId(user))) return refused(id, "bad_frame", "ids must be a list of user IDs");
  if (ids.length > limits.presenceSubUsers) return refused(id, "too_many_users");
  return { type, id, users: [...new Set(ids as string[])] };
}

function refused(id: ReplyTo, error: ClientError, detail = ""): ClientFrame {
  return { type: "refused", id, error, detail };
}

export function hello(session: number, gateway: string): string {
  return JSON.stringify({ type: "hello", x_session: session, x_gateway: gateway });
}

/** Every extra field of the ping comes back. */
export function pong(id: ReplyTo, echo: Loose): string {
  const { id: _id, ...extra } = echo;
  return JSON.stringify({ ...extra, type: "pong", reply_to: id });
}

export function ack(replyTo: ReplyTo, ts: string, text: string, offset: number): string {
  return JSON.stringify({ ok: true, reply_to: replyTo, ts, text, x_off: offset });
}

/** @param retryAfterMs when it may be sent again, where that is known; 0 = it is not */
export function refusal(replyTo: ReplyTo, error: ClientError, detail: string, retryAfterMs = 0): string {
  const [code, msg] = clientErrors[error];
  return JSON.stringify({ ok: false, reply_to: replyTo, error: { code, msg: detail === "" ? msg : `${msg}: ${detail}` }, x_reason: error, ...(retryAfterMs > 0 ? { x_retry_after_ms: retryAfterMs } : {}) });
}

/** @param delayMs the socket closes after this; a client that closes first waits as long before it reconnects */
export function goodbye(delayMs: number): string {
  return JSON.stringify({ type: "goodbye", x_delay_ms: delayMs });
}

/** What a session is not sent of a channel. */
export interface Gap {
  readonly channel: string;
  /** the last event before it; undefined: nobody knows */
  readonly after?: number;
  /** the last event in it */
  readonly head: number;
  /** ts of `after` and of `head`, where they are kept: the bounds for `conversations.history` */
  readonly oldest?: string;
  readonly latest?: string;
}

/** Where an event was, and when. */
export interface Journey {
  readonly channel: string;
  readonly offset: number;
  readonly server: string;
  readonly slot: number;
  readonly epoch: number;
  readonly gateway: string;
  /** µs since the epoch: at its author's gateway, at the channel's owner, durable, at this gateway */
  readonly taken: number;
  readonly received: number;
  readonly stored: number;
  readonly arrived: number;
}

export function journey({ channel, offset, taken, received, stored, arrived, ...places }: Journey): string {
  const ms = (micros: number): number => micros / 1_000;
  return JSON.stringify({ type: "x_journey", channel, x_off: offset, ...places, taken: ms(taken), received: ms(received), stored: ms(stored), arrived: ms(arrived) });
}

export function gap({ channel, after, head, oldest, latest }: Gap): string {
  return JSON.stringify({ type: "x_gap", channel, after, head, ...(oldest ? { oldest } : {}), ...(latest ? { latest } : {}) });
}

export function presenceChange(user: string, active: boolean): string {
  return JSON.stringify({ type: "presence_change", presence: active ? "active" : "away", user });
}

/** For sessions that asked for `batch_presence_aware=1`. */
export function presenceChanges(users: readonly string[], active: boolean): string {
  return JSON.stringify({ type: "presence_change", presence: active ? "active" : "away", users });
}

export function manualPresenceChange(away: boolean): string {
  return JSON.stringify({ type: "manual_presence_change", presence: away ? "away" : "active" });
}
