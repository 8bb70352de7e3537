import { repeatsKey, type Appended, type Entry, type LogStore } from "./log.ts";
import { AppendBatch, gatherAppends, type AppendJob } from "./pg-append.ts";
import { Lane } from "./pg-lane.ts";
import { PgPlace } from "./pg-place.ts";
import { PgPool, statements } from "./pg-pool.ts";
import { entryOf, pgLogTables } from "./pg-tables.ts";
import { tsKey } from "./ts.ts";

/** Claims in one statement. */
const claimsAtOnce = 256;
/** Entries or messages that one statement of a sweep removes at most: the channel's appends wait for it. */
const sweptAtOnce = 500;

const columns = "off, ts, kind, origin, key, payload";
const sql = statements({
  claim: `insert into ringway.claims (slot, fence, owner) select slot, 1, owner from unnest($1::int[], $2::text[]) as wanted (slot, owner) order by slot
    on conflict (slot) do update set fence = claims.fence + 1, owner = excluded.owner returning slot, fence`,
  claimed: "select fence, owner from ringway.claims where slot = $1",
  fences: "select slot, fence from ringway.claims where slot = any ($1::int[])",
  append: `select ringway.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22) as results`,
  head: "select head, last_ts, first from ringway.heads where channel = $1",
  byKeys: `select ${columns} from ringway.entries where channel = $1 and key = any ($2::bytea[])`,
  messages: "select ts, message from ringway.messages where channel = $1 and ts = any ($2::text[])",
  after: `select ${columns} from ringway.entries where channel = $1 and off > $2 order by off limit $3`,
  history: `select message from ringway.messages where channel = $1 and ts >= $2 and ts <= $3 and ($4 or (ts <> $2 and ts <> $3)) order by ts desc limit $5`,
  channels: `select h.channel, exists (select from ringway.entries e where e.channel = h.channel and e.off = h.first and h.first < h.head and e.ts < $3)
      or exists (select from ringway.messages m where m.channel = h.channel and m.ts < least($3, h.last_key)) as old
    from ringway.heads h where h.channel > $1 order by h.channel limit $2`,
  sweep: "select ringway.sweep($1, $2, $3) as more",
});

/**
 * The log on PostgreSQL. Appends go in a few lanes, by slot: what is asked while a lane's batch is on its way makes the next one. Fence, head and
 * keys are checked in the transaction that appends (pg-functions.ts). It connects when it is first asked, and again whenever that is needed.
 * @param url `postgres://…`
 * @param connections at most; half of them write
 * @throws StoreUnavailable where the URL can't be read
 */
export function openPgLog(url: string, connections: number): LogStore {
  const writers = Math.max(2, Math.floor(connections / 2));
  const place = new PgPlace(url);
  const writing = new PgPool(place, writers);
  const reading = new PgPool(place, Math.max(1, connections - writers), true);

  const claims = new Lane<{ readonly slot: number; readonly owner: string }, number>(
    (queue) => [...new Map(queue.map(({ slot }, at) => [slot, at] as const).toReversed()).values()].sort((a, b) => a - b).slice(0, claimsAtOnce),
    async (wanted) => {
      const rows = await writing.query(sql.claim, [wanted.map(({ slot }) => slot), wanted.map(({ owner }) => owner)]);
      const fences = new Map(rows.map((row) => [row["slot"], row["fence"] as number]));
      return wanted.map(({ slot }) => fences.get(slot));
    },
  );
  const send = async (jobs: readonly AppendJob[]): Promise<(Appended | undefined)[]> => {
    const batch = new AppendBatch(jobs);
    const [row] = await writing.query(sql.append, batch.values());
    return batch.answers(row!["results"] as number[]);
  };
  const lanes = Array.from({ length: writers - 1 }, () => new Lane<AppendJob, Appended>(gatherAppends, send));

  const claimed = async (slot: number): Promise<{ fence: number; owner: string }> => {
    const [row] = await reading.query(sql.claimed, [slot]);
    return row === undefined ? { fence: 0, owner: "" } : { fence: row["fence"] as number, owner: row["owner"] as string };
  };
  const byKeys = async (channel: string, keys: readonly string[]): Promise<Map<string, Entry>> => {
    const rows = keys.length === 0 ? [] : await reading.query(sql.byKeys, [channel, keys.map((key) => Buffer.from(key))]);
    return new Map(rows.map(entryOf).map((entry) => [entry.key, entry]));
  };
  const messagesOf = async (channel: string, list: readonly string[]): Promise<Map<string, Uint8Array>> => {
    const rows = list.length === 0 ? [] : await reading.query(sql.messages, [channel, list.map(tsKey)]);
    const found = new Map(rows.map((row) => [row["ts"], row["message"] as Uint8Array]));
    return new Map(list.filter((ts) => found.has(tsKey(ts))).map((ts) => [ts, found.get(tsKey(ts))!]));
  };

  return {
    claim: (slot, owner) => claims.ask({ slot, owner }),
    claimed,
    async fences(slots) {
      const rows = await reading.query(sql.fences, [slots]);
      const fences = new Map(rows.map((row) => [row["slot"], row["fence"] as number]));
      return new Map(slots.map((slot) => [slot, fences.get(slot) ?? 0]));
    },
    async append(append) {
      if (repeatsKey(append.entries)) return { ok: false, reason: "conflict" };
      if (append.entries.length > 0) return lanes[append.slot % lanes.length]!.ask({ append, alone: false });
      return (await claimed(append.slot)).fence === append.fence ? { ok: true } : { ok: false, reason: "fenced" };
    },
    async head(channel) {
      const [row] = await reading.query(sql.head, [channel]);
      return row === undefined ? { head: 0, lastTs: "", first: 1 } : { head: row["head"] as number, lastTs: row["last_ts"] as string, first: row["first"] as number };
    },
    byKey: async (channel, key) => (await byKeys(channel, [key])).get(key),
    async find(channel, keys, messages) {
      const [found, texts] = await Promise.all([byKeys(channel, keys), messagesOf(channel, messages)]);
      return { keys: found, messages: texts };
    },
    after: async (channel, after, limit) => (await reading.query(sql.after, [channel, after, limit])).map(entryOf),
    async history(channel, { latest, oldest, inclusive, limit }) {
      const bounds = [oldest === "" ? "" : tsKey(oldest), latest === "" ? "~" : tsKey(latest)];
      const rows = await reading.query(sql.history, [channel, ...bounds, inclusive, limit + 1]);
      return { messages: rows.slice(0, limit).map((row) => row["message"] as Uint8Array), more: rows.length > limit };
    },
    message: async (channel, ts) => (await messagesOf(channel, [ts])).get(ts),
    async sweep(ts, cursor, channels) {
      const before = tsKey(ts);
      const rows = await reading.query(sql.channels, [cursor, channels, before]);
      for (const { channel } of rows.filter((row) => row["old"] === true)) {
        for (let more = true; more; ) more = (await writing.query(sql.sweep, [channel, before, sweptAtOnce]))[0]!["more"] as boolean;
      }
      return rows.length < channels ? "" : (rows.at(-1)!["channel"] as string);
    },
    rows: pgLogTables(reading, writing),
    async close() {
      await Promise.all([claims, ...lanes].map((lane) => lane.close()));
      await Promise.all([writing.close(), reading.close()]);
    },
  };
}
