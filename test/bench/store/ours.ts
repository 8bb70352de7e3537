/** Ringway's own engines, as a channel server with the default flags uses them: one fence a slot, one entry an append. */
import { storeFlags } from "../../../services/runtime/common-flags.ts";
import { openLog } from "../../../services/store/open.ts";
import { channelOf, keyOf, maxWriters, payload, tsOf, type AppendOf } from "./workload.ts";

/** @param place folder or URL */
export async function openOurs(engine: string, place: string): Promise<AppendOf> {
  const log = openLog({ store: engine === "postgres" ? place : engine, data: place, storeConnections: storeFlags["store-connections"].default });
  const writers = await Promise.all(
    Array.from({ length: maxWriters }, async (_, writer) => ({ channel: channelOf(writer), slot: writer, fence: await log.claim(writer, "bench"), offset: 0, lastTs: "" })),
  );
  return async (writer) => {
    const state = writers[writer]!;
    const { channel, slot, fence, lastTs } = state;
    const offset = state.offset + 1;
    const ts = tsOf(offset);
    // A message is an entry and what history shows of it.
    const entry = { offset, ts, kind: 0, origin: 7, key: keyOf(offset), payload, view: { ts, message: payload } };
    const result = await log.append({ channel, slot, fence, lastTs, entries: [entry] });
    if (!result.ok) throw new Error(`${channel} ${offset}: ${result.reason}`);
    state.offset = offset;
    state.lastTs = ts;
  };
}
