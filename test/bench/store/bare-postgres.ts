import pg from "pg";
import { channelOf, keyOf, maxWriters, payload, tsOf, type AppendOf, type Kind } from "./workload.ts";

/** As many at a time as Ringway with its default flags has. */
const lanes = 3;
const mostAtOnce = 256;

const text = `text collate "C"`;
/** The tables of services/store/pg-schema.ts. */
const schema = `
  create schema bare;
  create table bare.heads (channel ${text} primary key, head int8 not null, last_ts ${text} not null) with (fillfactor = 70);
  create table bare.entries (channel ${text}, off int8, ts ${text} not null, kind int2 not null, origin int8 not null, key bytea not null, payload bytea not null,
    primary key (channel, off), unique (channel, key));
  create table bare.messages (channel ${text}, ts ${text}, message bytea not null, primary key (channel, ts));
  create table bare.rows (channel ${text}, off int8, payload bytea not null, primary key (channel, off));
`;
const inserts: Readonly<Record<Exclude<Kind, "ringway">, string>> = {
  bare: `with r as (select * from unnest($1::text[], $2::int8[], $3::text[], $4::bytea[], $5::bytea[], $6::bytea[]) as r (channel, off, ts, key, message, payload)),
    e as (insert into bare.entries select channel, off, ts, 0, 7, key, payload from r),
    m as (insert into bare.messages select channel, ts, message from r)
    insert into bare.heads select channel, off, ts from r on conflict (channel) do update set head = excluded.head, last_ts = excluded.last_ts`,
  "one row": "insert into bare.rows select * from unnest($1::text[], $2::int8[], $3::bytea[])",
};

/** @param url of a database of its own */
export async function openBarePostgres(kind: Exclude<Kind, "ringway">, url: string): Promise<AppendOf> {
  const clients = Array.from({ length: lanes }, () => new pg.Client({ connectionString: url }));
  for (const client of clients) await client.connect();
  await clients[0]!.query(schema);
  const offsets = new Uint32Array(maxWriters);

  const insert = async (client: pg.Client, writers: readonly number[]): Promise<void> => {
    const [channels, offs] = [writers.map(channelOf), writers.map((writer) => ++offsets[writer]!)];
    const payloads = writers.map(() => payload);
    const rest = kind === "bare" ? [offs.map(tsOf), offs.map((offset) => Buffer.from(keyOf(offset))), payloads] : [];
    await client.query({ name: "insert", text: inserts[kind], values: [channels, offs, ...rest, payloads] });
  };
  const queues = clients.map((client) => {
    let waiting: { readonly writer: number; answer(): void }[] = [];
    let isRunning = false;
    /** What is asked while a batch is on its way goes together in the next one. */
    const run = async (): Promise<void> => {
      isRunning = true;
      await null;
      while (waiting.length > 0) {
        const batch = waiting.slice(0, mostAtOnce);
        waiting = waiting.slice(mostAtOnce);
        await insert(client, batch.map(({ writer }) => writer));
        for (const { answer } of batch) answer();
      }
      isRunning = false;
    };
    return (writer: number): Promise<void> =>
      new Promise((answer, fail) => {
        waiting.push({ writer, answer });
        if (!isRunning) run().catch(fail);
      });
  });
  return (writer) => queues[writer % lanes]!(writer);
}
