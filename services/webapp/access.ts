/** Who may see and use what. Every method that names a channel comes through here. */
import type { Channel, Directory, User } from "../store/directory.ts";
import { isId, isUserChannel } from "../protocol/ids.ts";
import { ApiError } from "./errors.ts";

interface Asker {
  readonly directory: Directory;
  readonly user: User;
}

/**
 * A channel that the user may know of: public, or one of theirs.
 * @throws ApiError channel_not_found, also for a private channel of others, whose existence is not told
 */
export async function visibleChannel(asker: Asker, id: string): Promise<{ readonly channel: Channel; readonly isMember: boolean }> {
  const channel = isId(id) ? await asker.directory.channel(id) : undefined;
  if (channel === undefined) throw new ApiError("channel_not_found");
  const isMember = await asker.directory.isMember(id, asker.user.id);
  if (!isMember && channel.type !== "channel") throw new ApiError("channel_not_found");
  return { channel, isMember };
}

/**
 * A channel that the user is a member of.
 * @throws ApiError channel_not_found, not_in_channel
 */
export async function memberChannel(asker: Asker, id: string): Promise<Channel> {
  const { channel, isMember } = await visibleChannel(asker, id);
  if (!isMember) throw new ApiError("not_in_channel");
  return channel;
}

/** @throws ApiError user_not_found */
export async function existingUser(directory: Directory, id: string): Promise<User> {
  const user = isId(id) && isUserChannel(id) ? await directory.user(id) : undefined;
  if (user === undefined) throw new ApiError("user_not_found");
  return user;
}
