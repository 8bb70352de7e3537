/** The tables and functions in PostgreSQL, all in a schema of their own (`ringway`), and how they come to be. */
import { appendFunction, changeFunction, sweepFunction } from "./pg-functions.ts";
import { StoreRefused } from "./log.ts";
import type { Row } from "./pg-client.ts";

/** What runs statements on one connection. */
export interface Session {
  query(text: string, values?: readonly unknown[]): Promise<Row[]>;
}

/**
 * Names are ASCII and compare by bytes. What clients wrote is JSON or bytea: text holds no NUL.
 * A head's row is written again and again; room on its page keeps that off the index.
 */
const name = `text collate "C"`;
const tables = `
  create table ringway.claims (slot int primary key, fence int8 not null, owner ${name} not null) with (fillfactor = 70);
  create table ringway.heads (channel ${name} primary key, head int8 not null, last_ts ${name} not null, last_key ${name} not null, first int8 not null)
    with (fillfactor = 70);
  create table ringway.entries (channel ${name}, off int8, ts ${name} not null, kind int2 not null, origin int8 not null, key bytea not null, payload bytea not null,
    primary key (channel, off), unique (channel, key));
  create table ringway.messages (channel ${name}, ts ${name}, message bytea not null, primary key (channel, ts));

  create table ringway.users (id ${name} primary key, name ${name} not null, away boolean not null, away_at int8 not null, json text not null);
  create index on ringway.users (name);
  create table ringway.tokens (hash ${name} primary key, json text not null);
  create table ringway.channels (id ${name} primary key, name ${name} not null, json text not null);
  create unique index on ringway.channels (name) where name <> '""';
  create table ringway.members (channel ${name}, usr ${name}, primary key (channel, usr));
  create index on ringway.members (usr, channel);
  create table ringway.unsettled (channel ${name}, usr ${name}, key ${name} not null, json text not null, primary key (channel, usr));
  create table ringway.last_reads (channel ${name}, usr ${name}, ts ${name} not null, primary key (channel, usr));
  create table ringway.tickets (hash ${name} primary key, expires_at int8 not null, json text not null);
  create index on ringway.tickets (expires_at);
`;

const copies = `create table ringway.copies (id ${name} primary key, state text not null);`;

/** Version n is what the first n make. Only ever add to the end: a database has run what was here before. */
export const migrations: readonly string[] = [tables + appendFunction + sweepFunction + changeFunction, copies];

/** Any number, the same in every process: who holds it migrates. */
const lock = 7_465_621;

/**
 * Makes the tables, or brings them up to the version that this program knows, and does nothing where they are.
 * @throws StoreRefused where they are newer than that
 */
export async function migrate(session: Session, list: readonly string[]): Promise<void> {
  if ((await versionOf(session, list)) === list.length) return;
  await session.query("begin");
  // A failure ends the connection, and so the transaction.
  await session.query("set local statement_timeout = 0");
  await session.query("select pg_advisory_xact_lock($1)", [lock]);
  const version = await versionOf(session, list);
  if (version === 0) await session.query("create schema if not exists ringway; create table ringway.version (version int not null); insert into ringway.version values (0)");
  for (const migration of list.slice(version)) await session.query(migration);
  await session.query("update ringway.version set version = $1", [list.length]);
  await session.query("commit");
}

async function versionOf(session: Session, list: readonly string[]): Promise<number> {
  // The catalog's tables themselves: its look-ups by name may still know the answer of before the lock.
  const [found] = await session.query(
    "select exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = 'ringway' and c.relname = 'version') as there",
  );
  if (found!["there"] !== true) return 0;
  const [row] = await session.query("select version from ringway.version");
  const version = row!["version"] as number;
  if (version > list.length) throw new StoreRefused(`the database's schema has version ${version}, this program knows ${list.length}: it needs a newer ringway`);
  return version;
}
