import type { Append, Appended, Entry, HistoryQuery, LogStore } from "./log.ts";
import { tsKey } from "./ts.ts";

interface Log {
  readonly entries: Entry[];
  readonly offsets: Map<string, number>;
  /** ts → the message as it is now, in the order of their ts */
  readonly messages: Map<string, Uint8Array>;
}

/** The log in this process's memory: for tests, benches and planes that may forget. Nothing survives the process. */
export function openMemoryLog(): LogStore {
  const claims = new Map<number, { fence: number; owner: string }>();
  const logs = new Map<string, Log>();

  const append = ({ channel, slot, fence, lastTs, entries }: Append): Appended => {
    if ((claims.get(slot)?.fence ?? 0) !== fence) return { ok: false, reason: "fenced" };
    if (entries.length === 0) return { ok: true };
    const log: Log = logs.get(channel) ?? { entries: [], offsets: new Map(), messages: new Map() };
    const last = log.entries.at(-1);
    if (lastTs !== undefined && lastTs !== (last?.ts ?? "")) return { ok: false, reason: "conflict" };
    if (entries[0]!.offset !== log.entries.length + 1 || (last !== undefined && tsKey(entries[0]!.ts) <= tsKey(last.ts))) return { ok: false, reason: "conflict" };
    if (entries.some(({ key }) => log.offsets.has(key))) return { ok: false, reason: "conflict" };
    logs.set(channel, log);
    for (const { view, ...entry } of entries) {
      log.entries.push(entry);
      log.offsets.set(entry.key, entry.offset);
      if (view === undefined) continue;
      if (view.message === null) log.messages.delete(tsKey(view.ts));
      else log.messages.set(tsKey(view.ts), view.message);
    }
    return { ok: true };
  };
  const history = (channel: string, { latest, oldest, inclusive, limit }: HistoryQuery): { messages: Uint8Array[]; more: boolean } => {
    const newest = latest === "" ? "~" : tsKey(latest);
    const first = oldest === "" ? "" : tsKey(oldest);
    const within = ([ts]: [string, Uint8Array]): boolean => (ts > first && ts < newest) || (inclusive && (ts === first || ts === newest));
    const found = [...(logs.get(channel)?.messages ?? [])].filter(within).reverse();
    return { messages: found.slice(0, limit).map(([, message]) => message), more: found.length > limit };
  };

  return {
    async claim(slot, owner) {
      const fence = (claims.get(slot)?.fence ?? 0) + 1;
      claims.set(slot, { fence, owner });
      return fence;
    },
    claimed: async (slot) => claims.get(slot) ?? { fence: 0, owner: "" },
    append: async (wanted) => append(wanted),
    async head(channel) {
      const last = logs.get(channel)?.entries.at(-1);
      return { head: last?.offset ?? 0, lastTs: last?.ts ?? "" };
    },
    async byKey(channel, key) {
      const log = logs.get(channel);
      const offset = log?.offsets.get(key);
      return offset === undefined ? undefined : log!.entries[offset - 1];
    },
    after: async (channel, after, limit) => logs.get(channel)?.entries.slice(after, after + limit) ?? [],
    history: async (channel, query) => history(channel, query),
    message: async (channel, ts) => logs.get(channel)?.messages.get(tsKey(ts)),
    close: async () => {},
  };
}
