import type { Change, Channel, Directory, Ticket, Token, User } from "./directory.ts";
import { memoryTable } from "./memory-rows.ts";

/** The directory in this process's memory. No other process sees it; nothing survives the process. */
export function openMemoryDirectory(): Directory {
  const users = new Map<string, User>();
  const tokens = new Map<string, Token>();
  const channels = new Map<string, Channel>();
  const members = new Map<string, Set<string>>();
  const unsettled = new Map<string, Change>();
  const lastReads = new Map<string, string>();
  const tickets = new Map<string, Ticket>();
  const sweepTickets = (now: number): void => {
    for (const old of tickets.values()) if (old.expiresAt < now) tickets.delete(old.secretHash);
  };

  const page = <T extends { readonly id: string }>(all: Map<string, T>, after: string, limit: number): T[] =>
    [...all.values()].filter(({ id }) => id > after).sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, limit);
  const membersOf = (channel: string): Set<string> => {
    const set = members.get(channel) ?? new Set();
    members.set(channel, set);
    return set;
  };
  const pair = (channel: string, user: string): string => `${channel} ${user}`;
  const byName = <T extends { readonly name: string }>(all: Map<string, T>, name: string): T | undefined =>
    name === "" ? undefined : [...all.values()].find((item) => item.name === name);

  return {
    user: async (id) => users.get(id),
    userByName: async (name) => byName(users, name),
    putUser: async (user) => void users.set(user.id, user),
    async chooseAway(id, away, now) {
      const user = users.get(id);
      if (user === undefined) return undefined;
      const at = Math.max(now, user.manualAwayAt + 1);
      users.set(id, { ...user, manualAway: away, manualAwayAt: at });
      return at;
    },
    users: async (after, limit) => page(users, after, limit),

    tokenByHash: async (hash) => tokens.get(hash),
    putToken: async (token) => void tokens.set(token.hash, token),
    tokens: async () => [...tokens.values()].sort((a, b) => (a.hash < b.hash ? -1 : 1)),
    deleteToken: async (hash) => tokens.delete(hash),

    channel: async (id) => channels.get(id),
    channelByName: async (name) => byName(channels, name),
    async createChannel(channel, first, key) {
      if (channels.has(channel.id) || byName(channels, channel.name) !== undefined) return false;
      channels.set(channel.id, channel);
      for (const user of first) {
        membersOf(channel.id).add(user);
        if (key !== undefined) unsettled.set(pair(channel.id, user), { channel: channel.id, user, member: true, key });
      }
      return true;
    },
    channels: async (after, limit) => page(channels, after, limit),

    async change(change) {
      const { channel, user, member } = change;
      const earlier = unsettled.get(pair(channel, user));
      if (earlier !== undefined) return earlier;
      if (membersOf(channel).has(user) === member) return "already";
      if (member) membersOf(channel).add(user);
      else membersOf(channel).delete(user);
      unsettled.set(pair(channel, user), change);
      return "made";
    },
    async settle({ channel, user, key }) {
      if (unsettled.get(pair(channel, user))?.key === key) unsettled.delete(pair(channel, user));
    },
    unsettled: async ([channel, user], limit) =>
      [...unsettled.values()]
        .filter((change) => change.channel > channel || (change.channel === channel && change.user > user))
        .sort((a, b) => (a.channel < b.channel || (a.channel === b.channel && a.user < b.user) ? -1 : 1))
        .slice(0, limit),
    isMember: async (channel, user) => membersOf(channel).has(user),
    members: async (channel, after, limit) => [...membersOf(channel)].filter((user) => user > after).sort().slice(0, limit),
    channelsOf: async (user) => [...members].filter(([, set]) => set.has(user)).map(([channel]) => channel).sort(),

    lastRead: async (channel, user) => lastReads.get(pair(channel, user)) ?? "",
    mark: async (channel, user, ts) => void lastReads.set(pair(channel, user), ts),

    async putTicket(ticket, now) {
      sweepTickets(now);
      tickets.set(ticket.secretHash, ticket);
    },
    async takeTicket(secretHash, now) {
      const ticket = tickets.get(secretHash);
      tickets.delete(secretHash);
      sweepTickets(now);
      return ticket !== undefined && ticket.expiresAt >= now ? ticket : undefined;
    },

    rows: {
      users: memoryTable("users", () => users.values(), (user) => users.set(user.id, user)),
      tokens: memoryTable("tokens", () => tokens.values(), (token) => tokens.set(token.hash, token)),
      channels: memoryTable("channels", () => channels.values(), (channel) => channels.set(channel.id, channel)),
      members: memoryTable("members", () => [...members].flatMap(([channel, set]) => [...set].map((user) => ({ channel, user }))), ({ channel, user }) => membersOf(channel).add(user)),
      unsettled: memoryTable("unsettled", () => unsettled.values(), (change) => unsettled.set(pair(change.channel, change.user), change)),
      lastReads: memoryTable("lastReads", () => [...lastReads].map(([key, ts]) => {
        const [channel, user] = key.split(" ") as [string, string];
        return { channel, user, ts };
      }), ({ channel, user, ts }) => lastReads.set(pair(channel, user), ts)),
    },
    close: async () => {},
  };
}
