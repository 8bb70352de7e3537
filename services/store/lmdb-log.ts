import { decodeEntry, encodeEntry } from "./entry-codec.ts";
import { Environment, type EnvironmentOptions } from "./environment.ts";
import type { Append, Appended, Entry, Head, HistoryQuery, LogStore } from "./log.ts";
import { tsKey } from "./ts.ts";

/**
 * The log on lmdb. Fence and head are read inside the transaction that appends, so an append of a process that was
 * fenced meanwhile fails, whatever that process believes.
 * @throws StoreUnavailable where the folder can't be opened
 */
export function openLmdbLog(folder: string, options: EnvironmentOptions = {}): LogStore {
  const env = Environment.open(folder, options);
  const { claims, heads, entries, keys, messages } = env.db;

  const claimOf = (slot: number): { fence: number; owner: string } => {
    const value = claims.get(slot);
    if (value === undefined) return { fence: 0, owner: "" };
    const space = value.indexOf(" ");
    return { fence: Number(value.slice(0, space)), owner: value.slice(space + 1) };
  };
  const headOf = (channel: string): Head => {
    const value = heads.get(channel);
    if (value === undefined) return { head: 0, lastTs: "" };
    const space = value.indexOf(" ");
    return { head: Number(value.slice(0, space)), lastTs: value.slice(space + 1) };
  };
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
    const { head, lastTs } = headOf(channel);
    if (list[0]!.offset !== head + 1 || (expected !== undefined && expected !== lastTs) || (head > 0 && tsKey(list[0]!.ts) <= tsKey(lastTs))) return { ok: false, reason: "conflict" };
    if (list.some(({ key }) => keys.doesExist([channel, key]))) return { ok: false, reason: "conflict" };
    for (const entry of list) write(channel, entry);
    void heads.put(channel, `${last.offset} ${last.ts}`);
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

  return {
    claim: (slot, owner) =>
      env.write(() => {
        const fence = claimOf(slot).fence + 1;
        void claims.put(slot, `${fence} ${owner}`);
        return fence;
      }),
    claimed: (slot) => env.read(() => claimOf(slot)),
    append: (wanted) => env.write(() => append(wanted)),
    head: (channel) => env.read(() => headOf(channel)),
    byKey: (channel, key) =>
      env.read(() => {
        const offset = keys.get([channel, key]);
        const bytes = offset === undefined ? undefined : entries.get([channel, Number(offset)]);
        return bytes === undefined ? undefined : decodeEntry(Number(offset), bytes);
      }),
    after: (channel, after, limit) =>
      env.read(() => {
        const range = entries.getRange({ start: [channel, after + 1], end: [channel, Number.MAX_SAFE_INTEGER], limit });
        return Array.from(range, ({ key, value }) => decodeEntry((key as [string, number])[1], value));
      }),
    history: (channel, query) => env.read(() => history(channel, query)),
    message: (channel, ts) => env.read(() => messages.get([channel, tsKey(ts)])),
    close: () => env.close(),
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
