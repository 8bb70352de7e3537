/** The tables of the database (pg-schema.ts) as rows (rows.ts): what of a row goes into which column, and back. */
import type { Change, Channel, Token, User } from "./directory.ts";
import type { Entry } from "./log.ts";
import type { PgPool, Row } from "./pg-pool.ts";
import { pgTable } from "./pg-rows.ts";
import type { DirectoryRows, LogRows, Tables } from "./rows.ts";
import { tsKey } from "./ts.ts";

export function pgLogTables(reading: PgPool, writing: PgPool): Tables<LogRows> {
  return {
    claims: pgTable(reading, writing, {
      name: "claims",
      columns: { slot: "int", fence: "int8", owner: "text" },
      keys: 1,
      replaces: "claims.fence <= excluded.fence",
      cells: ({ slot, fence, owner }) => [slot, fence, owner],
      rowOf: (row) => ({ slot: row["slot"] as number, fence: row["fence"] as number, owner: row["owner"] as string }),
    }),
    entries: pgTable(reading, writing, {
      name: "entries",
      columns: { channel: "text", off: "int8", ts: "text", kind: "int2", origin: "int8", key: "bytea", payload: "bytea" },
      keys: 2,
      cells: ({ channel, offset, ts, kind, origin, key, payload }) => [channel, offset, ts, kind, origin, Buffer.from(key), asBuffer(payload)],
      rowOf: (row) => ({ channel: row["channel"] as string, ...entryOf(row) }),
    }),
    messages: pgTable(reading, writing, {
      name: "messages",
      columns: { channel: "text", ts: "text", message: "bytea" },
      keys: 2,
      cells: ({ channel, ts, message }) => [channel, ts, asBuffer(message)],
      rowOf: (row) => ({ channel: row["channel"] as string, ts: row["ts"] as string, message: row["message"] as Uint8Array }),
    }),
    heads: pgTable(reading, writing, {
      name: "heads",
      columns: { channel: "text", head: "int8", last_ts: "text", last_key: "text", first: "int8" },
      keys: 1,
      cells: ({ channel, head, lastTs, first }) => [channel, head, lastTs, tsKey(lastTs), first],
      rowOf: (row) => ({ channel: row["channel"] as string, head: row["head"] as number, lastTs: row["last_ts"] as string, first: row["first"] as number }),
    }),
    copies: pgTable(reading, writing, {
      name: "copies",
      columns: { id: "text", state: "text" },
      keys: 1,
      cells: ({ id, state }) => [id, state],
      rowOf: (row) => ({ id: row["id"] as string, state: row["state"] as string }),
    }),
  };
}

export function pgDirectoryTables(reading: PgPool, writing: PgPool): Tables<DirectoryRows> {
  const json = <T>(row: Row): T => JSON.parse(row["json"] as string) as T;
  const pairOf = (row: Row): { channel: string; user: string } => ({ channel: row["channel"] as string, user: row["usr"] as string });
  return {
    users: pgTable(reading, writing, {
      name: "users",
      columns: { id: "text", name: "text", away: "boolean", away_at: "int8", json: "text" },
      keys: 1,
      cells: userCells,
      rowOf: userOf,
    }),
    tokens: pgTable<Token>(reading, writing, { name: "tokens", columns: { hash: "text", json: "text" }, keys: 1, cells: (token) => [token.hash, JSON.stringify(token)], rowOf: json }),
    channels: pgTable<Channel>(reading, writing, {
      name: "channels",
      columns: { id: "text", name: "text", json: "text" },
      keys: 1,
      cells: (channel) => [channel.id, nameKey(channel.name), JSON.stringify(channel)],
      rowOf: json,
    }),
    members: pgTable(reading, writing, { name: "members", columns: { channel: "text", usr: "text" }, keys: 2, cells: ({ channel, user }) => [channel, user], rowOf: pairOf }),
    unsettled: pgTable<Change>(reading, writing, {
      name: "unsettled",
      columns: { channel: "text", usr: "text", key: "text", json: "text" },
      keys: 2,
      cells: (change) => [change.channel, change.user, change.key, JSON.stringify(change)],
      rowOf: json,
    }),
    lastReads: pgTable(reading, writing, {
      name: "last_reads",
      columns: { channel: "text", usr: "text", ts: "text" },
      keys: 2,
      cells: ({ channel, user, ts }) => [channel, user, ts],
      rowOf: (row) => ({ ...pairOf(row), ts: row["ts"] as string }),
    }),
  };
}

export function entryOf(row: Row): Entry {
  return {
    offset: row["off"] as number,
    ts: row["ts"] as string,
    kind: row["kind"] as number,
    origin: row["origin"] as number,
    key: (row["key"] as Buffer).toString(),
    payload: row["payload"] as Uint8Array,
  };
}

/** id, name, away, away_at, json */
export function userCells(user: User): unknown[] {
  const { manualAway, manualAwayAt, ...rest } = user;
  return [user.id, nameKey(user.name), manualAway, manualAwayAt, JSON.stringify(rest)];
}

export function userOf(row: Row): User {
  return { ...(JSON.parse(row["json"] as string) as User), manualAway: row["away"] as boolean, manualAwayAt: row["away_at"] as number };
}

/** As JSON: PostgreSQL's text holds no NUL. */
export function nameKey(name: string): string {
  return JSON.stringify(name);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
