/** Pages of channels, for `conversations.list` and `users.conversations`. */
import type { Channel, ChannelType, Directory } from "../../store/directory.ts";
import { ApiError } from "../errors.ts";
import { cursorArgument, limitArgument, readCursor, usualPage, writeCursor } from "../cursor.ts";

/** Channels that one call looks at: a page may hold fewer than `limit` and still have a next one, as documented. */
const scanMost = 2_000;
const batch = 200;

const typeNames = { public_channel: "channel", private_channel: "group", im: "im", mpim: "mpim" } as const satisfies Record<string, ChannelType>;

export const listingArguments = {
  types: { kind: "list", maxItems: 4, error: "invalid_types" },
  exclude_archived: { kind: "bool", default: false },
  limit: limitArgument,
  cursor: cursorArgument,
} as const;

export interface Listing {
  readonly channels: readonly Channel[];
  readonly nextCursor: string;
}

/** @throws ApiError invalid_types */
export function wantedTypes(types: readonly string[] | undefined): ReadonlySet<ChannelType> {
  const list = types === undefined || types.length === 0 ? ["public_channel"] : types;
  return new Set(
    list.map((name) => {
      if (!Object.hasOwn(typeNames, name)) throw new ApiError("invalid_types");
      return typeNames[name as keyof typeof typeNames];
    }),
  );
}

/**
 * One page, in order of ID.
 * @param source what comes next after an ID, in order, at most `count`
 */
export async function listChannels(
  args: { readonly limit: number; readonly cursor: string | undefined },
  source: (after: string, count: number) => Promise<readonly Channel[]>,
  wanted: (channel: Channel) => boolean,
): Promise<Listing> {
  const limit = args.limit === 0 ? usualPage : args.limit;
  let after = readCursor("channel", args.cursor, /^[A-Za-z0-9_-]{1,64}$/);
  const channels: Channel[] = [];
  for (let scanned = 0; scanned < scanMost; ) {
    const found = await source(after, batch);
    for (const channel of found) {
      if (channels.length === limit) return { channels, nextCursor: writeCursor("channel", after) };
      after = channel.id;
      if (wanted(channel)) channels.push(channel);
    }
    if (found.length === 0) return { channels, nextCursor: "" };
    scanned += found.length;
  }
  return { channels, nextCursor: writeCursor("channel", after) };
}

/** All channels of the workspace as a source. */
export function allChannels(directory: Directory): (after: string, count: number) => Promise<readonly Channel[]> {
  return (after, count) => directory.channels(after, count);
}

/** The channels among `ids` (in order) as a source. */
export function channelsAmong(directory: Directory, ids: readonly string[]): (after: string, count: number) => Promise<readonly Channel[]> {
  return async (after, count) => {
    const from = after === "" ? 0 : ids.findIndex((id) => id > after);
    if (from < 0) return [];
    const found = await Promise.all(ids.slice(from, from + count).map((id) => directory.channel(id)));
    return found.filter((channel) => channel !== undefined);
  };
}
