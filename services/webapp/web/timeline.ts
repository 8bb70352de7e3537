/** The messages of one channel as the page shows them. Pure: an event and a timeline make the next timeline; messages that did not change stay the same objects. */

export interface Reaction {
  readonly name: string;
  readonly users: readonly string[];
}

export interface Message {
  /** the same from the moment it is written until it is gone */
  readonly key: string;
  /** "" until it is stored */
  readonly ts: string;
  readonly user: string;
  readonly text: string;
  /** its place in the channel */
  readonly offset: number | undefined;
  readonly edited: boolean;
  readonly reactions: readonly Reaction[];
  readonly state: "stored" | "waiting" | "refused";
  /** why it was refused, for people */
  readonly why?: string;
  /** of this page's own: when it was written, and when its ack came (performance.now) */
  readonly sentAt?: number;
  readonly ackedAt?: number;
}

export interface Timeline {
  /** in the order of the channel, without holes: older ones are still on the server while `hasMore` */
  readonly stored: readonly Message[];
  /** this page's own that have no place yet, in the order of writing */
  readonly mine: readonly Message[];
  readonly hasMore: boolean;
}

/** Messages of a channel that are kept while nobody looks back: a page that stays open for weeks must not grow. */
export const keptMost = 500;

export const empty: Timeline = { stored: [], mine: [], hasMore: true };

type Fields = Readonly<Record<string, unknown>>;

/** A message as the server tells it, in an event or in the history. */
export function toMessage(raw: Fields): Message {
  const user = String(raw["user"] ?? "");
  const reactions = ((raw["reactions"] ?? []) as Reaction[]).map(({ name, users }) => ({ name, users }));
  return {
    key: keyOf(user, raw["client_msg_id"] ?? raw["ts"]),
    ts: String(raw["ts"]),
    user,
    text: String(raw["text"] ?? ""),
    offset: typeof raw["x_off"] === "number" ? raw["x_off"] : undefined,
    edited: raw["edited"] !== undefined,
    reactions,
    state: "stored",
  };
}

/** A `client_msg_id` is its author's: others may use the same. */
export function keyOf(user: string, id: unknown): string {
  return `${user}:${String(id)}`;
}

/** A page of the history, newest first; `hasMore` where it is the oldest that was read. */
export function withPage(timeline: Timeline, page: readonly Fields[], hasMore: boolean = timeline.hasMore): Timeline {
  const byTs = new Map(timeline.stored.map((message) => [message.ts, message]));
  for (const raw of page) byTs.set(String(raw["ts"]), keepTimes(toMessage(raw), byTs.get(String(raw["ts"]))));
  const stored = [...byTs.values()].sort((a, b) => (a.ts < b.ts ? -1 : 1));
  const keys = new Set(stored.map(({ key }) => key));
  return { stored, mine: timeline.mine.filter(({ key }) => !keys.has(key)), hasMore };
}

/** What happened in the channel, told by an event. */
export function withEvent(timeline: Timeline, event: Fields): Timeline {
  if (event["type"] === "reaction_added" || event["type"] === "reaction_removed") {
    const { ts } = event["item"] as { ts: string };
    return change(timeline, ts, (message) => react(message, String(event["reaction"]), String(event["user"]), event["type"] === "reaction_added"));
  }
  if (event["type"] !== "message") return timeline;
  if (event["subtype"] === "message_deleted") return { ...timeline, stored: timeline.stored.filter(({ ts }) => ts !== event["deleted_ts"]) };
  if (event["subtype"] !== "message_changed") return withNew(timeline, event);
  const next = event["message"] as Fields;
  // Its reactions are told by events of their own, which may be later than what this one knew.
  return change(timeline, String(next["ts"]), (message) => ({ ...message, text: String(next["text"] ?? ""), edited: true }));
}

export function withMine(timeline: Timeline, message: Message): Timeline {
  return { ...timeline, mine: [...timeline.mine.filter(({ key }) => key !== message.key), message] };
}

/** One of its own got its place. */
export function withAck(timeline: Timeline, key: string, { ts, offset, ackedAt }: { readonly ts: string; readonly offset: number; readonly ackedAt: number }): Timeline {
  const waiting = timeline.mine.find((one) => one.key === key);
  if (waiting === undefined) return timeline;
  const mine = timeline.mine.filter((one) => one !== waiting);
  const message: Message = { ...waiting, ts, offset, ackedAt, state: "stored" };
  if (isNewer(timeline, ts)) return { ...timeline, stored: [...timeline.stored, message], mine };
  const stored = [...timeline.stored.filter((one) => one.ts !== ts), message].sort((a, b) => (a.ts < b.ts ? -1 : 1));
  return { ...timeline, stored, mine };
}

export function withoutMine(timeline: Timeline, key: string): Timeline {
  return { ...timeline, mine: timeline.mine.filter((one) => one.key !== key) };
}

/** The newest alone: older ones are on the server, for whoever scrolls up to them. @returns the same where there are no more */
export function withLatest(timeline: Timeline): Timeline {
  return timeline.stored.length <= keptMost ? timeline : { ...timeline, stored: timeline.stored.slice(-keptMost), hasMore: true };
}

/** Nearly each comes at the end: nothing is looked through or sorted for it. */
function withNew(timeline: Timeline, raw: Fields): Timeline {
  const message = toMessage(raw);
  if (!isNewer(timeline, message.ts)) return withPage(timeline, [raw]);
  const mine = timeline.mine.some(({ key }) => key === message.key) ? timeline.mine.filter(({ key }) => key !== message.key) : timeline.mine;
  return { ...timeline, stored: [...timeline.stored, message], mine };
}

function isNewer({ stored }: Timeline, ts: string): boolean {
  return ts > (stored.at(-1)?.ts ?? "");
}

/** Mostly it is one of the last. */
function change(timeline: Timeline, ts: string, to: (message: Message) => Message): Timeline {
  const at = timeline.stored.findLastIndex((message) => message.ts === ts);
  if (at < 0) return timeline;
  const stored = [...timeline.stored];
  stored[at] = to(stored[at]!);
  return { ...timeline, stored };
}

function react(message: Message, name: string, user: string, adding: boolean): Message {
  const others = message.reactions.find((one) => one.name === name)?.users.filter((one) => one !== user) ?? [];
  const users = adding ? [...others, user] : others;
  if (message.reactions.some((one) => one.name === name)) {
    return { ...message, reactions: message.reactions.map((one) => (one.name === name ? { name, users } : one)).filter((one) => one.users.length > 0) };
  }
  return adding ? { ...message, reactions: [...message.reactions, { name, users }] } : message;
}

/** When this page wrote it, and got its ack, only this page knows. */
function keepTimes(message: Message, before: Message | undefined): Message {
  return before?.sentAt === undefined ? message : { ...message, sentAt: before.sentAt, ...(before.ackedAt === undefined ? {} : { ackedAt: before.ackedAt }) };
}
