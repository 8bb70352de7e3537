/** A store that a plane has used for a while, and all that can be asked of it. */
import type { Directory } from "../../services/store/directory.ts";
import type { Entry, LogStore } from "../../services/store/log.ts";
import { messageEntry, ts } from "./log-entry.ts";

export interface Store {
  readonly log: LogStore;
  readonly directory: Directory;
}

/** Entries of each channel: messages, and every tenth, fifteenth and twentieth edits, deletes or reacts to an earlier one. */
export const perChannel = 120;

const users = ["U1", "U2", "U3"];
const channelId = (i: number): string => `C${String(i).padStart(3, "0")}`;
const seen = (offset: number, of: number, text: string | null): Entry => ({ ...messageEntry(offset), kind: 1, view: { ts: ts(of), message: text === null ? null : Buffer.from(text) } });

function entryAt(channel: string, offset: number): Entry {
  if (offset % 20 === 0) return seen(offset, offset - 19, JSON.stringify({ text: channel, reactions: [{ name: "ключ 🔑", users }] }));
  if (offset % 15 === 0) return seen(offset, offset - 13, null);
  if (offset % 10 === 0) return seen(offset, offset - 5, `{"text":"edited in ${channel}","edited":{}}`);
  return { ...messageEntry(offset), key: offset % 7 === 0 ? `\u0000 ключ ${offset}` : `k${offset}`, payload: Buffer.from(`{"off":${offset},"channel":"${channel}"}`) };
}

/** Slot 1 has fence 2 afterwards. */
export async function fill({ log, directory }: Store, channels: number): Promise<void> {
  for (const [i, id] of users.entries()) {
    await directory.putUser({ id, name: `name ${id}`, realName: "Ada \u0000 🔑", botId: i === 2 ? "B1" : null, manualAway: i === 1, manualAwayAt: i, createdAt: i });
    await directory.putToken({ hash: `${i}f`.repeat(32), user: id, label: "ключ", createdAt: i });
  }
  await log.claim(1, "cs-0");
  const fence = await log.claim(1, "cs-1");
  await log.claim(65_535, "cs-2");
  await Promise.all(
    Array.from({ length: channels }, async (_, i) => {
      const id = channelId(i);
      await directory.createChannel({ id, name: i % 5 === 0 ? "" : `c-${i}`, type: i % 5 === 0 ? "im" : "channel", creator: "U1", createdAt: i, topic: "t", purpose: "" }, ["U1", "U2"], i % 4 === 0 ? `key ${i}` : undefined);
      if (i % 3 === 0) await directory.change({ channel: id, user: "U3", member: true, key: `join ${i}`, inviter: "U1" });
      await directory.mark(id, "U1", ts(i + 1));
      const entries = Array.from({ length: perChannel }, (_entry, at) => entryAt(id, at + 1));
      const appended = await log.append({ channel: id, slot: 1, fence, entries });
      if (!appended.ok) throw new Error(appended.reason);
    }),
  );
}

/** What a server may ask, of all channels and users, as text. */
export async function allReads({ log, directory }: Store): Promise<unknown> {
  const text = (bytes: Uint8Array | undefined): string | undefined => (bytes === undefined ? undefined : Buffer.from(bytes).toString());
  const shown = (entry: Entry | undefined): unknown => (entry === undefined ? undefined : { ...entry, payload: text(entry.payload) });
  const channels = await directory.channels("", 1_000);
  const ofChannel = async ({ id, name }: { readonly id: string; readonly name: string }): Promise<unknown> => {
    const pages: unknown[] = [];
    for (let latest = "", more = true; more; ) {
      const page = await log.history(id, { latest, oldest: "", inclusive: false, limit: 25 });
      pages.push(page.messages.map(text));
      more = page.more;
      latest = ts(Number((latest === "" ? ts(perChannel + 1) : latest).slice(-6)) - 25);
    }
    const entries = [...(await log.after(id, 0, 50)), ...(await log.after(id, 50, 1_000))];
    const found = await log.find(id, entries.map(({ key }) => key), entries.map((entry) => entry.ts));
    const [members, lastReads] = [await directory.members(id, "", 100), await Promise.all(users.map((user) => directory.lastRead(id, user)))];
    return {
      id,
      head: await log.head(id),
      entries: entries.map(shown),
      pages,
      members,
      lastReads,
      byName: await directory.channelByName(name),
      keys: [...found.keys].map(([key, entry]) => [key, shown(entry)]).sort(),
      messages: [...found.messages].map(([at, message]) => [at, text(message)]).sort(),
      one: [shown(await log.byKey(id, "k1")), text(await log.message(id, ts(1)))],
    };
  };
  return {
    channels: await Promise.all(channels.map(ofChannel)),
    users: await Promise.all((await directory.users("", 100)).map(async (user) => [user, await directory.userByName(user.name), await directory.channelsOf(user.id)])),
    tokens: await directory.tokens(),
    unsettled: await directory.unsettled(["", ""], 1_000),
    fences: [await log.claimed(1), await log.claimed(2), await log.claimed(65_535)],
  };
}
