import { open, type Database } from "lmdb";
import { channelOf, keyOf, maxWriters, payload, tsOf, type AppendOf, type Kind } from "./workload.ts";

/** Appends that come before the transaction begins share it and its sync, as in services/store/environment.ts. */
export function openBareLmdb(kind: Kind, place: string): AppendOf {
  const root = open({ path: place, noSubdir: false, encoding: "binary", maxDbs: 8, mapSize: 2 ** 30, eventTurnBatching: false, overlappingSync: false });
  const binary = (name: string): Database<Buffer, [string, number | string]> => root.openDB({ name, encoding: "binary" });
  const [entries, messages] = [binary("entries"), binary("messages")];
  const keys: Database<string, [string, string]> = root.openDB({ name: "keys", encoding: "string" });
  const heads: Database<string, string> = root.openDB({ name: "heads", encoding: "string" });
  const offsets = new Uint32Array(maxWriters);

  const put = (writer: number): void => {
    const [channel, offset] = [channelOf(writer), ++offsets[writer]!];
    void entries.put([channel, offset], payload);
    if (kind === "one row") return;
    void keys.put([channel, keyOf(offset)], String(offset));
    void messages.put([channel, tsOf(offset)], payload);
    void heads.put(channel, `${offset} ${tsOf(offset)}`);
  };
  let group: { readonly writers: number[]; readonly done: Promise<unknown> } | undefined;
  const begin = (): NonNullable<typeof group> => {
    const writers: number[] = [];
    const committed = root.transaction(() => {
      group = undefined;
      for (const writer of writers) put(writer);
    });
    return { writers, done: Promise.all([committed, root.flushed.then(() => undefined)]) };
  };
  return async (writer) => {
    const { writers, done } = (group ??= begin());
    writers.push(writer);
    await done;
  };
}
