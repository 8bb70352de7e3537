import { decodeEntry, encodeEntry } from "./entry-codec.ts";
import { Environment, type EnvironmentOptions } from "./environment.ts";
import { repeatsKey, type Append, type Appended, type Entry, type Head, type HistoryQuery, type LogStore } from "./log.ts";
import { lmdbTable } from "./lmdb-rows.ts";
import { present } from "./present.ts";
import { tsKey } from "./ts.ts";

/** Entries or messages that one transaction of a sweep removes at most: others wait for its lock. */
const sweptAtOnce = 500;

/**
 * The log on lmdb. Fence and head are read inside the transaction that appends, so an append of a process that was
 * fenced meanwhile fails, whatever that process believes.
 * @throws StoreUnavailable where the folder can't be opened
 */
export function openLmdbLog(folder: string, options: EnvironmentOptions = {}): LogStore {
  const env = Environment.open(folder, options);
  const { claims, heads, entries, keys, messages, copies } = env.db;

  const claimOf = (slot: number, value = claims.get(slot)): { fence: number; owner: string } => {
    if (value === undefined) return { fence: 0, owner: "" };
    const space = value.indexOf(" ");
    return { fence: Number(value.slice(0, space)), owner: value.slice(space + 1) };
  };
  const headOf = (channel: string, value = heads.get(channel)): Head => {
    if (value === undefined) return { head: 0, lastTs: "", first: 1 };
    // Heads of before there was retention name no first entry.
    const [head, lastTs, first = "1"] = value.split(" ");
    return { head: Number(head), lastTs: lastTs!, first: Number(first) };
  };
  const entryOf = (channel: string, key: string): Entry | undefined => {
    const offset = keys.get([channel, key]);
    const bytes = offset === undefined ? undefined : entries.get([channel, Number(offset)]);
    return bytes === undefined ? undefined : decodeEntry(Number(offset), bytes);
  };
  const messageOf = (channel: string, ts: string): Uint8Array | undefined => messages.get([channel, tsKey(ts)]);
  const write = (channel: string, entry: Entry): void => {
    void entries.put([channel, entry.offset], encodeEntry(entry));
    void keys.put([channel, entry.key], String(entry.offset));
    if (entry.view === undefined) return;
    const key = [channel, tsKey(entry.view.ts)];
    if (entry.view.message === null) void messages.remove(key);
    else void messages.put(key, asBuffer(entry.view.message));
  };
  const append = ({ channel, slot, fence, lastTs: expected, entries: list }: Append): Appended => {
    if (claimOf(slot).fence !== fence) return { ok: false, reason: "fenced" };
    const last = list.at(-1);
    if (last === undefined) return { ok: true };
    const { head, lastTs, first } = headOf(channel);
    if (list[0]!.offset !== head + 1 || (expected !== undefined && expected !== lastTs) || (head > 0 && tsKey(list[0]!.ts) <= tsKey(lastTs))) return { ok: false, reason: "conflict" };
    if (repeatsKey(list) || list.some(({ key }) => keys.doesExist([channel, key]))) return { ok: false, reason: "conflict" };
    for (const entry of list) write(channel, entry);
    void heads.put(channel, `${last.offset} ${last.ts} ${first}`);
    return { ok: true };
  };
  const history = (channel: string, { latest, oldest, inclusive, limit }: HistoryQuery): { messages: Uint8Array[]; more: boolean } => {
    const newest = latest === "" ? "~" : tsKey(latest);
    const first = oldest === "" ? "" : tsKey(oldest);
    const found: Uint8Array[] = [];
    // A reverse range goes from its start down to, not including, its end.
    for (const { key, value } of messages.getRange({ start: [channel, newest], end: [channel, ""], reverse: true })) {
      const ts = (key as [string, string])[1];
      if (ts === newest && !inclusive) continue;
      if (ts < first || (ts === first && !inclusive)) break;
      if (found.length === limit) return { messages: found, more: true };
      found.push(value);
    }
    return { messages: found, more: false };
  };
  /** Removes some of what a channel has of before `before`. @returns whether there is more */
  const sweepSome = (channel: string, before: string): boolean => {
    const { head, lastTs, first } = headOf(channel);
    const bound = before < tsKey(lastTs) ? before : tsKey(lastTs);
    const olds: Entry[] = [];
    for (const { key, value } of entries.getRange({ start: [channel, first], end: [channel, head], limit: sweptAtOnce })) {
      const entry = decodeEntry((key as [string, number])[1], value);
      if (tsKey(entry.ts) >= bound) break;
      olds.push(entry);
    }
    const texts = Array.from(messages.getKeys({ start: [channel, ""], end: [channel, bound], limit: sweptAtOnce }));
    for (const { offset, key } of olds) {
      void entries.remove([channel, offset]);
      void keys.remove([channel, key]);
    }
    for (const key of texts) void messages.remove(key);
    if (olds.length > 0) void heads.put(channel, `${head} ${lastTs} ${olds.at(-1)!.offset + 1}`);
    return olds.length === sweptAtOnce || texts.length === sweptAtOnce;
  };

  return {
    claim: (slot, owner) =>
      env.write(() => {
        const fence = claimOf(slot).fence + 1;
        void claims.put(slot, `${fence} ${owner}`);
        return fence;
      }),
    claimed: (slot) => env.read(() => claimOf(slot)),
    fences: (slots) => env.read(() => new Map(slots.map((slot) => [slot, claimOf(slot).fence]))),
    append: (wanted) => env.write(() => append(wanted), wanted.entries.reduce((sum, { payload, view }) => sum + payload.length + (view?.message?.length ?? 0), 0)),
    head: (channel) => env.read(() => headOf(channel)),
    byKey: (channel, key) => env.read(() => entryOf(channel, key)),
    find: (channel, keyList, tsList) =>
      env.read(() => ({ keys: present(keyList, (key) => entryOf(channel, key)), messages: present(tsList, (ts) => messageOf(channel, ts)) })),
    after: (channel, after, limit) =>
      env.read(() => {
        const range = entries.getRange({ start: [channel, after + 1], end: [channel, Number.MAX_SAFE_INTEGER], limit });
        return Array.from(range, ({ key, value }) => decodeEntry((key as [string, number])[1], value));
      }),
    history: (channel, query) => env.read(() => history(channel, query)),
    message: (channel, ts) => env.read(() => messageOf(channel, ts)),
    async sweep(ts, cursor, channels) {
      const start = cursor === "" ? {} : { start: cursor, exclusiveStart: true };
      const names = await env.read(() => Array.from(heads.getKeys({ ...start, limit: channels })) as string[]);
      for (const channel of names) while (await env.write(() => sweepSome(channel, tsKey(ts))));
      return names.length < channels ? "" : names.at(-1)!;
    },
    rows: {
      claims: lmdbTable(
        env,
        claims,
        (slot, value) => ({ slot: slot as number, ...claimOf(slot as number, value) }),
        ({ slot, fence, owner }) => void (fence >= claimOf(slot).fence && claims.put(slot, `${fence} ${owner}`)),
      ),
      entries: lmdbTable(
        env,
        entries,
        (key, value) => {
          const [channel, offset] = key as [string, number];
          return { channel, ...decodeEntry(offset, value) };
        },
        ({ channel, ...entry }) => write(channel, entry),
        ({ payload }) => payload.length,
      ),
      messages: lmdbTable(
        env,
        messages,
        (key, message) => {
          const [channel, ts] = key as [string, string];
          return { channel, ts, message };
        },
        ({ channel, ts, message }) => void messages.put([channel, ts], asBuffer(message)),
        ({ message }) => message.length,
      ),
      heads: lmdbTable(
        env,
        heads,
        (channel, value) => ({ channel: channel as string, ...headOf(channel as string, value) }),
        ({ channel, head, lastTs, first }) => void heads.put(channel, `${head} ${lastTs} ${first}`),
      ),
      copies: lmdbTable(env, copies, (id, state) => ({ id: id as string, state }), ({ id, state }) => void copies.put(id, state)),
    },
    close: () => env.close(),
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
