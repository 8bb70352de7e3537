/** What the page asks the Web API for, as it keeps it. */
import type { RingwayClient } from "@ringway/client";
import { counted, unreadMost, type Unread } from "./unread.ts";

type Fields = Readonly<Record<string, unknown>>;

export interface User {
  readonly id: string;
  readonly name: string;
}

export interface Channel {
  readonly id: string;
  readonly name: string;
  readonly kind: "channel" | "private" | "direct";
  /** of a direct conversation of two: the other one */
  readonly partner: string | undefined;
  readonly purpose: string;
  readonly isMember: boolean;
}

/** Pages of a listing that are read: with 1,000 a page nobody has more that wants to see them all. */
const pagesMost = 10;
const historyPage = 50;

export function toChannel(raw: Fields, isMember = raw["is_member"] === true || raw["is_im"] === true): Channel {
  const direct = raw["is_im"] === true || raw["is_mpim"] === true;
  return {
    id: String(raw["id"]),
    name: String(raw["name"] ?? ""),
    kind: direct ? "direct" : raw["is_private"] === true ? "private" : "channel",
    partner: raw["is_im"] === true ? String(raw["user"]) : undefined,
    purpose: String((raw["purpose"] as { value?: string } | undefined)?.value ?? ""),
    isMember,
  };
}

export async function readUsers(client: RingwayClient): Promise<User[]> {
  return (await all(client, "users.list", {}, "members")).list.map(toUser);
}

export async function readUser(client: RingwayClient, user: string): Promise<User> {
  return toUser((await client.call("users.info", { user }))["user"] as Fields);
}

/** `isWhole`: there is no channel beside these. */
export async function readChannels(client: RingwayClient): Promise<{ readonly channels: readonly Channel[]; readonly isWhole: boolean }> {
  const { list, isWhole } = await all(client, "conversations.list", { types: "public_channel,private_channel,im,mpim" }, "channels");
  return { channels: list.map((raw) => toChannel(raw)), isWhole };
}

export async function readMembers(client: RingwayClient, channel: string): Promise<readonly string[]> {
  return (await all<string>(client, "conversations.members", { channel }, "members")).list;
}

export async function readUnread(client: RingwayClient, channel: string, self: string): Promise<Unread> {
  const { last_read: given } = (await client.call("conversations.info", { channel }))["channel"] as { last_read?: string };
  const lastRead = given ?? "0000000000.000000";
  const { messages } = await client.call("conversations.history", { channel, oldest: lastRead, limit: unreadMost });
  return counted(lastRead, messages as Fields[], self);
}

/** @param before the oldest that is known; "" = the newest page */
export async function readHistory(client: RingwayClient, channel: string, before: string): Promise<{ readonly messages: readonly Fields[]; readonly hasMore: boolean }> {
  const answer = await client.call("conversations.history", { channel, limit: historyPage, ...(before === "" ? {} : { latest: before }) });
  return { messages: answer["messages"] as Fields[], hasMore: answer["has_more"] === true };
}

function toUser(raw: Fields): User {
  return { id: String(raw["id"]), name: String(raw["real_name"] ?? raw["name"]) };
}

async function all<T = Fields>(client: RingwayClient, method: string, args: Fields, field: string): Promise<{ readonly list: readonly T[]; readonly isWhole: boolean }> {
  const list: T[] = [];
  let cursor = "";
  for (let page = 0; page < pagesMost; page++) {
    const answer = await client.call(method, { ...args, limit: 1_000, ...(cursor === "" ? {} : { cursor }) });
    list.push(...(answer[field] as T[]));
    cursor = String((answer["response_metadata"] as { next_cursor?: string } | undefined)?.next_cursor ?? "");
    if (cursor === "") return { list, isWhole: true };
  }
  return { list, isWhole: false };
}
