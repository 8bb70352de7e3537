/**
 * The directory: users, tokens, channels, memberships, tickets; webapp (and the CLI's `token`) alone use it. One
 * contract, engines `memory`, `lmdb` and `postgres`, one suite (test/contract/directory.ts). A write is durable when it resolves.
 */
import type { DirectoryRows, Tables } from "./rows.ts";

export interface User {
  readonly id: string;
  readonly name: string;
  readonly realName: string;
  /** set for bot users */
  readonly botId: string | null;
  readonly manualAway: boolean;
  /** version of `manualAway`: `Choice.at` in protocol/choice.ts; 0 where it was stored without one */
  readonly manualAwayAt: number;
  readonly createdAt: number;
}

export interface Token {
  /** hex SHA-256 of the token; the token itself is never stored */
  readonly hash: string;
  readonly user: string;
  readonly label: string;
  readonly createdAt: number;
}

export type ChannelType = "channel" | "group" | "im" | "mpim";

export interface Channel {
  readonly id: string;
  /** "" for im */
  readonly name: string;
  readonly type: ChannelType;
  readonly creator: string;
  readonly createdAt: number;
  readonly topic: string;
  readonly purpose: string;
}

export interface Ticket {
  readonly secretHash: string;
  readonly user: string;
  readonly expiresAt: number;
  readonly offsets: Readonly<Record<string, number>>;
  readonly batchPresence: boolean;
  /** the client waits as it is told before it reconnects */
  readonly paced?: boolean;
  readonly journeys?: boolean;
}

/** A change of who is in a channel. It is unsettled from the moment it is made until all who must hear of it were told. */
export interface Change {
  readonly channel: string;
  readonly user: string;
  /** true: joins, false: leaves */
  readonly member: boolean;
  /** what its announcements' keys are made of, so that telling again is telling once */
  readonly key: string;
  readonly inviter?: string;
}

/** @remarks Every call may reject with StoreUnavailable; nothing else. */
export interface Directory {
  user(id: string): Promise<User | undefined>;
  userByName(name: string): Promise<User | undefined>;
  putUser(user: User): Promise<void>;
  /**
   * Keeps a user's choice of presence under the next version: `now`, or the last one + 1 where that is more.
   * @param now whole milliseconds
   * @returns the version; undefined where there is no such user
   */
  chooseAway(user: string, away: boolean, now: number): Promise<number | undefined>;
  /** in order of ID, IDs > after */
  users(after: string, limit: number): Promise<User[]>;

  tokenByHash(hash: string): Promise<Token | undefined>;
  putToken(token: Token): Promise<void>;
  tokens(): Promise<Token[]>;
  /** @returns whether it was there */
  deleteToken(hash: string): Promise<boolean>;

  channel(id: string): Promise<Channel | undefined>;
  channelByName(name: string): Promise<Channel | undefined>;
  /**
   * Creates the channel with its first members in one transaction.
   * @param key each member's joining is kept as an unsettled change with this key; absent: nobody needs to be told
   * @returns false where the ID or the (non-empty) name is taken
   */
  createChannel(channel: Channel, members: readonly string[], key?: string): Promise<boolean>;
  /** in order of ID, IDs > after */
  channels(after: string, limit: number): Promise<Channel[]>;

  /**
   * Makes the change and keeps it as unsettled, in one transaction. At most one change of a channel and a user is unsettled.
   * @returns where nothing was done: `already`, or the unsettled change that must be settled first
   */
  change(change: Change): Promise<"made" | "already" | Change>;
  /** Forgets an unsettled change, where it is still this one (by its key). */
  settle(change: Change): Promise<void>;
  /** in order of channel and user, beyond these */
  unsettled(after: readonly [channel: string, user: string], limit: number): Promise<Change[]>;
  isMember(channel: string, user: string): Promise<boolean>;
  /** in order of ID, IDs > after */
  members(channel: string, after: string, limit: number): Promise<string[]>;
  /** IDs of all the user's channels, in order */
  channelsOf(user: string): Promise<string[]>;

  lastRead(channel: string, user: string): Promise<string>;
  mark(channel: string, user: string, ts: string): Promise<void>;

  /** Keeps a ticket, and forgets some of those that nobody took in time. */
  putTicket(ticket: Ticket, now: number): Promise<void>;
  /** Takes a ticket out, so that it serves once. @returns undefined where it is unknown or `now` is past its end */
  takeTicket(secretHash: string, now: number): Promise<Ticket | undefined>;

  /** All that is kept but tickets, for copying. */
  readonly rows: Tables<DirectoryRows>;
  close(): Promise<void>;
}
