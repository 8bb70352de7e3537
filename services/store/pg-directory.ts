import type { Change, Channel, Directory, Ticket, Token, User } from "./directory.ts";
import { PgPlace } from "./pg-place.ts";
import { PgPool, statements, type Statement } from "./pg-pool.ts";
import { nameKey, pgDirectoryTables, userCells, userOf } from "./pg-tables.ts";

const userColumns = "json, away, away_at";
const sql = statements({
  user: `select ${userColumns} from ringway.users where id = $1`,
  userByName: `select ${userColumns} from ringway.users where name = $1 order by id limit 1`,
  putUser: `insert into ringway.users (id, name, away, away_at, json) values ($1, $2, $3, $4, $5)
    on conflict (id) do update set name = excluded.name, away = excluded.away, away_at = excluded.away_at, json = excluded.json`,
  chooseAway: "update ringway.users set away = $2, away_at = greatest($3, away_at + 1) where id = $1 returning away_at",
  users: `select ${userColumns} from ringway.users where id > $1 order by id limit $2`,
  token: "select json from ringway.tokens where hash = $1",
  putToken: "insert into ringway.tokens (hash, json) values ($1, $2) on conflict (hash) do update set json = excluded.json",
  tokens: "select json from ringway.tokens order by hash",
  deleteToken: "delete from ringway.tokens where hash = $1 returning hash",
  channel: "select json from ringway.channels where id = $1",
  channelByName: `select json from ringway.channels where name = $1 and name <> '""'`,
  createChannel: `with made as (insert into ringway.channels (id, name, json) values ($1, $2, $3) on conflict do nothing returning id),
      first as (select distinct id as channel, usr from made, unnest($4::text[]) as usr),
      joined as (insert into ringway.members (channel, usr) select channel, usr from first on conflict do nothing),
      told as (insert into ringway.unsettled (channel, usr, key, json) select channel, u.usr, $6, u.json from first join unnest($4::text[], $5::text[]) as u (usr, json) using (usr)
        where $6::text is not null on conflict (channel, usr) do update set key = excluded.key, json = excluded.json)
    select id from made`,
  channels: "select json from ringway.channels where id > $1 order by id limit $2",
  change: "select ringway.change($1, $2, $3, $4, $5) as earlier",
  settle: "delete from ringway.unsettled where channel = $1 and usr = $2 and key = $3",
  unsettled: "select json from ringway.unsettled where (channel, usr) > ($1, $2) order by channel, usr limit $3",
  isMember: "select from ringway.members where channel = $1 and usr = $2",
  members: "select usr from ringway.members where channel = $1 and usr > $2 order by usr limit $3",
  channelsOf: "select channel from ringway.members where usr = $1 order by channel",
  lastRead: "select ts from ringway.last_reads where channel = $1 and usr = $2",
  mark: "insert into ringway.last_reads (channel, usr, ts) values ($1, $2, $3) on conflict (channel, usr) do update set ts = excluded.ts",
  putTicket: `with forgotten as (delete from ringway.tickets where hash in
      (select hash from ringway.tickets where expires_at < $4 order by expires_at limit 16 for update skip locked))
    insert into ringway.tickets (hash, expires_at, json) values ($1, $2, $3) on conflict (hash) do update set expires_at = excluded.expires_at, json = excluded.json`,
  takeTicket: "delete from ringway.tickets where hash = $1 returning json",
});

/**
 * The directory on PostgreSQL. Each call is one statement, so it holds between processes: a name is given once, a ticket serves once.
 * @param url `postgres://…`
 * @throws StoreUnavailable where the URL can't be read
 */
export function openPgDirectory(url: string, connections: number): Directory {
  const place = new PgPlace(url);
  const writers = Math.max(1, Math.floor(connections / 2));
  const writing = new PgPool(place, writers);
  const reading = new PgPool(place, Math.max(1, connections - writers), true);
  const all = async <T>(statement: Statement, ...values: unknown[]): Promise<T[]> => (await reading.query(statement, values)).map((row) => JSON.parse(row["json"] as string) as T);
  const one = async <T>(statement: Statement, ...values: unknown[]): Promise<T | undefined> => (await all<T>(statement, ...values))[0];
  const column = async (name: string, statement: Statement, ...values: unknown[]): Promise<string[]> => (await reading.query(statement, values)).map((row) => row[name] as string);
  const users = async (statement: Statement, ...values: unknown[]): Promise<User[]> => (await reading.query(statement, values)).map(userOf);

  return {
    user: async (id) => (await users(sql.user, id))[0],
    userByName: async (name) => (await users(sql.userByName, nameKey(name)))[0],
    putUser: async (user) => void (await writing.query(sql.putUser, userCells(user))),
    async chooseAway(user, away, now) {
      const [row] = await writing.query(sql.chooseAway, [user, away, now]);
      return row?.["away_at"] as number | undefined;
    },
    users: (after, limit) => users(sql.users, after, limit),

    tokenByHash: (hash) => one<Token>(sql.token, hash),
    putToken: async (token) => void (await writing.query(sql.putToken, [token.hash, JSON.stringify(token)])),
    tokens: () => all<Token>(sql.tokens),
    deleteToken: async (hash) => (await writing.query(sql.deleteToken, [hash])).length > 0,

    channel: (id) => one<Channel>(sql.channel, id),
    channelByName: (name) => one<Channel>(sql.channelByName, nameKey(name)),
    async createChannel(channel, members, key) {
      const first = [...new Set(members)];
      const changes = first.map((user) => (key === undefined ? "" : JSON.stringify({ channel: channel.id, user, member: true, key } satisfies Change)));
      return (await writing.query(sql.createChannel, [channel.id, nameKey(channel.name), JSON.stringify(channel), first, changes, key ?? null])).length > 0;
    },
    channels: (after, limit) => all<Channel>(sql.channels, after, limit),

    async change(change) {
      const [row] = await writing.query(sql.change, [change.channel, change.user, change.member, change.key, JSON.stringify(change)]);
      const earlier = row!["earlier"] as string;
      if (earlier === "") return "made";
      return earlier === "already" ? "already" : (JSON.parse(earlier) as Change);
    },
    settle: async ({ channel, user, key }) => void (await writing.query(sql.settle, [channel, user, key])),
    unsettled: ([channel, user], limit) => all<Change>(sql.unsettled, channel, user, limit),
    isMember: async (channel, user) => (await reading.query(sql.isMember, [channel, user])).length > 0,
    members: (channel, after, limit) => column("usr", sql.members, channel, after, limit),
    channelsOf: (user) => column("channel", sql.channelsOf, user),

    lastRead: async (channel, user) => (await column("ts", sql.lastRead, channel, user))[0] ?? "",
    mark: async (channel, user, ts) => void (await writing.query(sql.mark, [channel, user, ts])),

    putTicket: async (ticket, now) => void (await writing.query(sql.putTicket, [ticket.secretHash, ticket.expiresAt, JSON.stringify(ticket), now])),
    async takeTicket(secretHash, now) {
      const [row] = await writing.query(sql.takeTicket, [secretHash]);
      const ticket = row === undefined ? undefined : (JSON.parse(row["json"] as string) as Ticket);
      return ticket !== undefined && ticket.expiresAt >= now ? ticket : undefined;
    },

    rows: pgDirectoryTables(reading, writing),
    async close() {
      await Promise.all([writing.close(), reading.close()]);
    },
  };
}
