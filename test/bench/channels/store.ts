/** The store that the channels lie in: one message each. */
import { loadRingModule } from "../../../services/ring/ring.ts";
import { DEV_KEY } from "../../../services/ring/key.ts";
import { openLmdbLog } from "../../../services/store/lmdb-log.ts";

/** As long as Slack's are. */
export const channelOf = (i: number): string => `C${i.toString(36).toUpperCase().padStart(8, "0")}`;

const atOnce = 5_000;
const payload = Buffer.from(JSON.stringify({ type: "message", text: "x".repeat(100) }));
const ts = "1700000000.123456";

export async function fill(folder: string, channels: number): Promise<void> {
  const { slotOf } = await loadRingModule(DEV_KEY);
  const store = openLmdbLog(folder);
  const fences = new Map<number, Promise<number>>();
  const fenceOf = (slot: number): Promise<number> => {
    const known = fences.get(slot) ?? store.claim(slot, "bench");
    fences.set(slot, known);
    return known;
  };
  const one = async (channel: string): Promise<void> => {
    const slot = slotOf(channel);
    const entry = { offset: 1, ts, kind: 0, origin: 0, key: "U1:key", payload, view: { ts, message: payload } };
    const appended = await store.append({ channel, slot, fence: await fenceOf(slot), lastTs: "", entries: [entry] });
    if (!appended.ok) throw new Error(`${channel}: ${appended.reason}`);
  };
  for (let first = 0; first < channels; first += atOnce) {
    await Promise.all(Array.from({ length: Math.min(atOnce, channels - first) }, (_, i) => one(channelOf(first + i))));
  }
  await store.close();
}
