import type { Change, Channel, Directory, Ticket, Token, User } from "./directory.ts";
import { Environment, type EnvironmentOptions, type TextKey, type Texts } from "./environment.ts";
import { lmdbTable } from "./lmdb-rows.ts";
import type { Table } from "./rows.ts";

/** Expired tickets that are swept whenever one is taken. */
const sweptAtOnce = 16;

/**
 * The directory on lmdb. Every read-then-write is one transaction, so it holds between processes too: a name is given
 * once, a ticket serves once.
 * @throws StoreUnavailable where the folder can't be opened
 */
export function openLmdbDirectory(folder: string, options: EnvironmentOptions = {}): Directory {
  const env = Environment.open(folder, options);
  const { users, userNames, tokens, channels, channelNames, members, memberships, unsettled, lastReads, tickets, ticketEnds } = env.db;

  const get = <T>(db: Texts, key: TextKey): T | undefined => {
    const text = db.get(key);
    return text === undefined ? undefined : (JSON.parse(text) as T);
  };
  const put = (db: Texts, key: TextKey, value: unknown): void => void db.put(key, JSON.stringify(value));
  const page = <T>(db: Texts, after: string, limit: number): T[] =>
    Array.from(db.getRange({ ...(after === "" ? {} : { start: after, exclusiveStart: true }), limit }), ({ value }) => JSON.parse(value) as T);
  /** second parts of the keys [first, …] that come after `after` */
  const seconds = (db: Texts, first: string, after: string, limit: number): string[] =>
    Array.from(db.getKeys({ start: [first, after], exclusiveStart: true, end: [first, "\u{10ffff}"], limit }), (key) => (key as [string, string])[1]);

  const getUser = (id: string): User | undefined => {
    const stored = get<StoredUser>(users, id);
    return stored === undefined ? undefined : asUser(stored);
  };

  const putUser = (user: User): void => {
    const before = get<User>(users, user.id);
    if (before !== undefined && before.name !== user.name && userNames.get(nameKey(before.name)) === user.id) void userNames.remove(nameKey(before.name));
    put(users, user.id, user);
    void userNames.put(nameKey(user.name), user.id);
  };
  const putChannel = (channel: Channel): void => {
    put(channels, channel.id, channel);
    if (channel.name !== "") void channelNames.put(nameKey(channel.name), channel.id);
  };
  const addMember = (channel: string, user: string): void => {
    void members.put([channel, user], "");
    void memberships.put([user, channel], "");
  };
  /** rows whose values are JSON */
  const table = <T>(db: Texts, write: (row: T) => void): Table<T> => lmdbTable(env, db, (_key, text) => JSON.parse(text) as T, write);
  const pairOf = (key: TextKey): { channel: string; user: string } => {
    const [channel, user] = key as [string, string];
    return { channel, user };
  };
  const dropTicket = (ticket: Ticket): void => {
    void tickets.remove(ticket.secretHash);
    void ticketEnds.remove([ticket.expiresAt, ticket.secretHash]);
  };
  const sweepTickets = (now: number): void => {
    const ended = Array.from(ticketEnds.getKeys({ end: [now], limit: sweptAtOnce }), (key) => key as [number, string]);
    for (const [expiresAt, hash] of ended) dropTicket({ expiresAt, secretHash: hash } as Ticket);
  };

  return {
    user: (id) => env.read(() => getUser(id)),
    userByName: (name) =>
      env.read(() => {
        const id = userNames.get(nameKey(name));
        return id === undefined ? undefined : getUser(id);
      }),
    putUser: (user) => env.write(() => putUser(user)),
    chooseAway: (id, away, now) =>
      env.write(() => {
        const user = getUser(id);
        if (user === undefined) return undefined;
        const at = Math.max(now, user.manualAwayAt + 1);
        put(users, id, { ...user, manualAway: away, manualAwayAt: at });
        return at;
      }),
    users: (after, limit) => env.read(() => page<StoredUser>(users, after, limit).map(asUser)),

    tokenByHash: (hash) => env.read(() => get<Token>(tokens, hash)),
    putToken: (token) => env.write(() => put(tokens, token.hash, token)),
    tokens: () => env.read(() => page<Token>(tokens, "", Number.MAX_SAFE_INTEGER)),
    deleteToken: (hash) =>
      env.write(() => {
        const there = tokens.doesExist(hash);
        if (there) void tokens.remove(hash);
        return there;
      }),

    channel: (id) => env.read(() => get<Channel>(channels, id)),
    channelByName: (name) =>
      env.read(() => {
        const id = channelNames.get(nameKey(name));
        return id === undefined ? undefined : get<Channel>(channels, id);
      }),
    createChannel: (channel, first, key) =>
      env.write(() => {
        if (channels.doesExist(channel.id) || (channel.name !== "" && channelNames.doesExist(nameKey(channel.name)))) return false;
        putChannel(channel);
        for (const user of first) {
          addMember(channel.id, user);
          if (key !== undefined) put(unsettled, [channel.id, user], { channel: channel.id, user, member: true, key });
        }
        return true;
      }),
    channels: (after, limit) => env.read(() => page<Channel>(channels, after, limit)),

    change: (change) =>
      env.write(() => {
        const { channel, user, member } = change;
        const earlier = get<Change>(unsettled, [channel, user]);
        if (earlier !== undefined) return earlier;
        if (members.doesExist([channel, user]) === member) return "already";
        if (member) addMember(channel, user);
        else {
          void members.remove([channel, user]);
          void memberships.remove([user, channel]);
        }
        put(unsettled, [channel, user], change);
        return "made";
      }),
    settle: ({ channel, user, key }) =>
      env.write(() => {
        if (get<Change>(unsettled, [channel, user])?.key === key) void unsettled.remove([channel, user]);
      }),
    unsettled: (after, limit) => env.read(() => Array.from(unsettled.getRange({ start: [...after], exclusiveStart: true, limit }), ({ value }) => JSON.parse(value) as Change)),
    isMember: (channel, user) => env.read(() => members.doesExist([channel, user])),
    members: (channel, after, limit) => env.read(() => seconds(members, channel, after, limit)),
    channelsOf: (user) => env.read(() => seconds(memberships, user, "", Number.MAX_SAFE_INTEGER)),

    lastRead: (channel, user) => env.read(() => lastReads.get([channel, user]) ?? ""),
    mark: (channel, user, ts) => env.write(() => void lastReads.put([channel, user], ts)),

    putTicket: (ticket, now) =>
      env.write(() => {
        sweepTickets(now);
        put(tickets, ticket.secretHash, ticket);
        void ticketEnds.put([ticket.expiresAt, ticket.secretHash], "");
      }),
    takeTicket: (secretHash, now) =>
      env.write(() => {
        const ticket = get<Ticket>(tickets, secretHash);
        if (ticket !== undefined) dropTicket(ticket);
        sweepTickets(now);
        return ticket !== undefined && ticket.expiresAt >= now ? ticket : undefined;
      }),

    rows: {
      users: lmdbTable(env, users, (_id, text) => asUser(JSON.parse(text) as StoredUser), putUser),
      tokens: table<Token>(tokens, (token) => put(tokens, token.hash, token)),
      channels: table<Channel>(channels, putChannel),
      members: lmdbTable(env, members, pairOf, ({ channel, user }) => addMember(channel, user)),
      unsettled: table<Change>(unsettled, (change) => put(unsettled, [change.channel, change.user], change)),
      lastReads: lmdbTable(env, lastReads, (key, ts) => ({ ...pairOf(key), ts }), ({ channel, user, ts }) => void lastReads.put([channel, user], ts)),
    },
    close: () => env.close(),
  };
}

/** Records of before choices had versions lack `manualAwayAt`. */
type StoredUser = Omit<User, "manualAwayAt"> & Partial<Pick<User, "manualAwayAt">>;

function asUser(stored: StoredUser): User {
  return { ...stored, manualAwayAt: stored.manualAwayAt ?? 0 };
}

/** lmdb takes no empty key, and asking for the name "" must find nobody. */
function nameKey(name: string): TextKey {
  return [name];
}
