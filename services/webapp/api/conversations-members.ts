import type { Channel } from "../../store/directory.ts";
import { existingUser, memberChannel, visibleChannel } from "../access.ts";
import { ApiError } from "../errors.ts";
import { method, type Methods } from "../method.ts";
import { channelShape } from "../shapes.ts";

const channel = { kind: "text", required: true } as const;

/** `conversations.*` that change who is in. */
export const conversationMemberMethods: Methods = {
  "conversations.create": method(
    { name: { kind: "text", required: true, maxChars: 1_000, error: "invalid_name_maxlength" }, is_private: { kind: "bool", default: false } },
    async ({ membership, user, team }, { name, is_private }) => {
      const made = await membership.create(user, checkName(name), is_private ? "group" : "channel");
      if (made === undefined) throw new ApiError("name_taken");
      return { channel: channelShape(made, team, { isMember: true }) };
    },
  ),

  "conversations.join": method({ channel }, async (context, args) => {
    const found = changeable((await visibleChannel(context, args.channel)).channel);
    const joined = await context.membership.join(found, context.user.id);
    const shape = channelShape(found, context.team, { isMember: true });
    return joined ? { channel: shape } : { channel: shape, warning: "already_in_channel", response_metadata: { warnings: ["already_in_channel"] } };
  }),

  "conversations.leave": method({ channel }, async (context, args) => {
    const found = changeable((await visibleChannel(context, args.channel)).channel);
    return (await context.membership.leave(found, context.user.id)) ? {} : { not_in_channel: true };
  }),

  "conversations.invite": method({ channel, users: { kind: "list", required: true, maxItems: 100 } }, async (context, args) => {
    const found = changeable(await memberChannel(context, args.channel));
    if (args.users.includes(context.user.id)) throw new ApiError("cant_invite_self");
    const invited = await Promise.all([...new Set(args.users)].map((id) => existingUser(context.directory, id)));
    let joined = 0;
    // One after the other: their events then stand in the channel in the order of the call.
    for (const user of invited) if (await context.membership.join(found, user.id, context.user.id)) joined += 1;
    if (joined === 0) throw new ApiError("already_in_channel");
    return { channel: channelShape(found, context.team, { isMember: true }) };
  }),

  "conversations.kick": method({ channel, user: { kind: "text", required: true } }, async (context, args) => {
    const found = changeable(await memberChannel(context, args.channel));
    if (args.user === context.user.id) throw new ApiError("cant_kick_self");
    if (found.creator !== context.user.id) throw new ApiError("restricted_action");
    const kicked = await existingUser(context.directory, args.user);
    if (!(await context.membership.leave(found, kicked.id))) throw new ApiError("not_in_channel");
    return {};
  }),
};

/** @throws ApiError invalid_name… */
function checkName(name: string): string {
  if (name.length > 80) throw new ApiError("invalid_name_maxlength");
  if (/^[-_]+$/.test(name)) throw new ApiError("invalid_name_punctuation");
  if (!/^[a-z0-9_-]+$/.test(name)) throw new ApiError("invalid_name_specials");
  return name;
}

/** @throws ApiError for direct conversations, whose members never change */
function changeable(found: Channel): Channel {
  if (found.type === "im" || found.type === "mpim") throw new ApiError("method_not_supported_for_channel_type");
  return found;
}
