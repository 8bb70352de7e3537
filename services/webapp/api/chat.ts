import { randomUUID } from "node:crypto";
import { limits } from "../../protocol/limits.ts";
import { isUserChannel } from "../../protocol/ids.ts";
import type { Draft } from "../../protocol/mesh.ts";
import type { Channel } from "../../store/directory.ts";
import { existingUser, memberChannel } from "../access.ts";
import { ApiError } from "../errors.ts";
import { method, type Context, type Methods } from "../method.ts";

const channel = { kind: "text", required: true, maxChars: 256 } as const;
const text = { kind: "text", maxChars: limits.textChars, error: "msg_too_long" } as const;
const content = {
  text,
  blocks: { kind: "array", error: "invalid_blocks_format" },
  attachments: { kind: "array", error: "invalid_attachments" },
} as const;
/** The caller's idempotency key: a second message with the same one is the first one. */
const clientMsgId = { kind: "text", maxChars: 128 } as const;

/** `chat.*` */
export const chatMethods: Methods = {
  "chat.postMessage": method(
    { channel, ...content, client_msg_id: clientMsgId, thread_ts: { kind: "ts", error: "invalid_timestamp" }, metadata: { kind: "object" } },
    async (context, args) => {
      const target = await postable(context, args.channel);
      const extra = { ...(args.thread_ts ? { thread_ts: args.thread_ts } : {}), ...(args.metadata === undefined ? {} : { metadata: args.metadata }) };
      return post(context, target, { ...drafted(args), ...extra }, args.client_msg_id);
    },
  ),

  "chat.meMessage": method({ channel, text: { ...text, required: true }, client_msg_id: clientMsgId }, async (context, args) => {
    const target = await postable(context, args.channel);
    const { channel: id, ts } = await post(context, target, { text: args.text, subtype: "me_message" }, args.client_msg_id);
    return { channel: id, ts };
  }),

  "chat.update": method({ channel, ts: { kind: "ts", required: true, error: "message_not_found" }, ...content }, async (context, args) => {
    const target = await memberChannel(context, args.channel);
    const draft = drafted(args);
    const { message } = await context.mesh.publish(target.id, { kind: "update", user: context.user.id, key: randomUUID(), ts: args.ts, draft });
    return { channel: target.id, ts: args.ts, text: draft.text, message };
  }),

  "chat.delete": method({ channel, ts: { kind: "ts", required: true, error: "message_not_found" } }, async (context, args) => {
    const target = await memberChannel(context, args.channel);
    try {
      await context.mesh.publish(target.id, { kind: "delete", user: context.user.id, key: randomUUID(), ts: args.ts });
    } catch (error) {
      // One problem on the mesh, two documented names here.
      throw error instanceof ApiError && error.code === "cant_update_message" ? new ApiError("cant_delete_message") : error;
    }
    return { channel: target.id, ts: args.ts };
  }),
};

/** A channel of the caller's by ID or by name (`#general`), or the conversation with a user by the user's ID. */
async function postable(context: Context, given: string): Promise<Channel> {
  if (isUserChannel(given)) {
    const other = await existingUser(context.directory, given).catch((error: unknown) => {
      throw error instanceof ApiError ? new ApiError("channel_not_found") : error;
    });
    const members = other.id === context.user.id ? [other] : [context.user, other];
    return (await context.membership.open(context.user, members)).channel;
  }
  const named = given.startsWith("#") ? await context.directory.channelByName(given.slice(1)) : undefined;
  return memberChannel(context, named?.id ?? given);
}

interface Content {
  readonly text: string | undefined;
  readonly blocks: readonly unknown[] | undefined;
  readonly attachments: readonly unknown[] | undefined;
}

/** @throws ApiError no_text */
function drafted({ text: given, blocks, attachments }: Content): Draft {
  if (given === undefined && !blocks?.length && !attachments?.length) throw new ApiError("no_text");
  return { text: given ?? "", ...(blocks?.length ? { blocks } : {}), ...(attachments?.length ? { attachments } : {}) };
}

async function post({ mesh, user }: Context, target: Channel, draft: Draft, key: string = randomUUID()): Promise<{ channel: string; ts: string; message: unknown }> {
  const bot = user.botId === null ? {} : { bot_id: user.botId };
  const { ts, message } = await mesh.publish(target.id, { kind: "message", user: user.id, key, draft: { ...draft, ...bot } });
  return { channel: target.id, ts, message };
}
