import { randomUUID } from "node:crypto";
import type { Channel } from "../../store/directory.ts";
import { existingUser, memberChannel, visibleChannel } from "../access.ts";
import { cursorArgument, limitArgument, nextPage, readCursor, usualPage, writeCursor } from "../cursor.ts";
import { ApiError } from "../errors.ts";
import { method, type Context, type Methods } from "../method.ts";
import { channelShape } from "../shapes.ts";
import { history } from "./history.ts";
import { allChannels, channelsAmong, listChannels, listingArguments, wantedTypes } from "./listing.ts";

const channel = { kind: "text", required: true } as const;
/** Members that `include_num_members` counts at most. */
const countMost = 10_000;

const markedEvent = { channel: "channel_marked", group: "group_marked", im: "im_marked", mpim: "mpim_marked" } as const;

/** `conversations.*` that read, and `mark`. Those that change who is in are in conversations-members.ts. */
export const conversationMethods: Methods = {
  "conversations.history": history,

  "conversations.list": method(listingArguments, async (context, args) => {
    const types = wantedTypes(args.types);
    const own = await context.directory.channelsOf(context.user.id);
    const mine = new Set(own);
    // Without public channels all that can be listed is one's own: no need to walk past other people's conversations.
    const source = types.has("channel") ? allChannels(context.directory) : channelsAmong(context.directory, own);
    const page = await listChannels(args, source, (found) => types.has(found.type) && (found.type === "channel" || mine.has(found.id)));
    const channels = await Promise.all(page.channels.map(async (found) => shape(context, found, mine.has(found.id))));
    return { channels, ...nextPage(page.nextCursor) };
  }),

  "conversations.info": method({ channel, include_num_members: { kind: "bool", default: false } }, async (context, args) => {
    const { channel: found, isMember } = await visibleChannel(context, args.channel);
    const partner = await context.membership.partner(found, context.user.id);
    const lastRead = isMember ? await context.directory.lastRead(found.id, context.user.id) : undefined;
    const members = args.include_num_members ? (await context.directory.members(found.id, "", countMost)).length : undefined;
    return { channel: channelShape(found, context.team, { isMember, partner, lastRead, members }) };
  }),

  "conversations.members": method({ channel, limit: limitArgument, cursor: cursorArgument }, async (context, args) => {
    const found = await memberChannel(context, args.channel);
    const limit = args.limit === 0 ? usualPage : args.limit;
    const members = await context.directory.members(found.id, readCursor("user", args.cursor, /^[A-Za-z0-9_-]{1,64}$/), limit + 1);
    const page = members.slice(0, limit);
    return { members: page, ...nextPage(writeCursor("user", members.length > limit ? page.at(-1) : undefined)) };
  }),

  "conversations.open": method(
    {
      users: { kind: "list", maxItems: 100 },
      channel: { kind: "text" },
      return_im: { kind: "bool", default: false },
    },
    async (context, args) => {
      const { channel: opened, existed } = await open(context, args);
      const known = existed ? { no_op: true, already_open: true } : {};
      return { ...known, channel: args.return_im ? await shape(context, opened, true) : { id: opened.id } };
    },
  ),

  "conversations.mark": method({ channel, ts: { kind: "ts", required: true, error: "invalid_timestamp" } }, async (context, { channel: id, ts }) => {
    const found = await memberChannel(context, id);
    await context.directory.mark(found.id, context.user.id, ts);
    await context.mesh.publish(context.user.id, { kind: "event", key: randomUUID(), event: { type: markedEvent[found.type], channel: found.id, ts } });
    return {};
  }),
};

/** Users in a direct conversation beside the caller. */
const othersMost = 8;

async function open(context: Context, args: { readonly users: readonly string[] | undefined; readonly channel: string | undefined }): Promise<{ readonly channel: Channel; readonly existed: boolean }> {
  if (args.channel !== undefined) {
    const found = await memberChannel(context, args.channel);
    if (found.type !== "im" && found.type !== "mpim") throw new ApiError("method_not_supported_for_channel_type");
    return { channel: found, existed: true };
  }
  if (args.users === undefined || args.users.length === 0) throw new ApiError("users_list_not_supplied");
  const ids = [...new Set([context.user.id, ...args.users])];
  if (ids.length > othersMost + 1) throw new ApiError("too_many_users");
  return context.membership.open(context.user, await Promise.all(ids.map((id) => existingUser(context.directory, id))));
}

/** A channel as the caller sees it. */
async function shape({ membership, team, user }: Context, found: Channel, isMember: boolean): Promise<Readonly<Record<string, unknown>>> {
  return channelShape(found, team, { isMember, partner: await membership.partner(found, user.id) });
}
