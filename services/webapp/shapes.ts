/** Users, channels and bots as clients see them: the publicly documented shapes, as far as Ringway has something to say. */
import type { Channel, User } from "../store/directory.ts";
import type { Team } from "./method.ts";

type Json = Readonly<Record<string, unknown>>;

const seconds = (ms: number): number => Math.floor(ms / 1_000);

export function userShape(user: User, team: Team): Json {
  const isBot = user.botId !== null;
  return {
    id: user.id,
    team_id: team.id,
    name: user.name,
    real_name: user.realName,
    deleted: false,
    is_bot: isBot,
    is_app_user: false,
    is_admin: false,
    is_owner: false,
    updated: seconds(user.createdAt),
    profile: {
      real_name: user.realName,
      real_name_normalized: user.realName,
      display_name: user.name,
      display_name_normalized: user.name,
      team: team.id,
      ...(isBot ? { bot_id: user.botId } : {}),
    },
  };
}

export function botShape(user: User): Json {
  return { id: user.botId, deleted: false, name: user.name, updated: seconds(user.createdAt), app_id: "", user_id: user.id, icons: {} };
}

/** What of a channel depends on who looks at it. */
export interface Look {
  readonly isMember: boolean;
  /** of an im: the other one */
  readonly partner?: string | undefined;
  readonly lastRead?: string | undefined;
  readonly members?: number | undefined;
}

export function channelShape(channel: Channel, team: Team, look: Look): Json {
  const base = {
    id: channel.id,
    created: seconds(channel.createdAt),
    is_archived: false,
    is_im: channel.type === "im",
    is_org_shared: false,
    ...(look.lastRead === undefined ? {} : { last_read: look.lastRead === "" ? "0000000000.000000" : look.lastRead }),
    ...(look.members === undefined ? {} : { num_members: look.members }),
  };
  if (channel.type === "im") return { ...base, is_open: true, user: look.partner ?? channel.creator };
  return {
    ...base,
    name: channel.name,
    name_normalized: channel.name,
    is_channel: channel.type === "channel",
    is_group: channel.type === "group",
    is_mpim: channel.type === "mpim",
    is_private: channel.type !== "channel",
    is_general: channel.id === "C0GENERAL",
    is_member: look.isMember,
    is_shared: false,
    is_ext_shared: false,
    creator: channel.creator,
    context_team_id: team.id,
    topic: { value: channel.topic, creator: "", last_set: 0 },
    purpose: { value: channel.purpose, creator: channel.purpose === "" ? "" : channel.creator, last_set: seconds(channel.createdAt) },
  };
}
