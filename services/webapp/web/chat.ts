/** All that the page knows, kept up by what the client tells; the views show it and call its actions. Knows no DOM. */
import { RingwayClient, type Gap, type MessageEvent, type Presence, type Reaction, type State, type StoredEvent } from "@ringway/client";
import { explain } from "./complaints.ts";
import { Journeys } from "./journeys.ts";
import { readChannels, readHistory, readMembers, readUnread, readUser, readUsers, toChannel, type Channel, type User } from "./reads.ts";
import { empty, keyOf, withAck, withEvent, withMine, withoutMine, withPage, type Message, type Timeline } from "./timeline.ts";
import { mayTell, stopped, typed, type Typists } from "./typing.ts";
import { merged, none, withMark, withMessage, withoutMessage, type Unread } from "./unread.ts";

/** Reads that are under way at once when the page opens. */
const readsAtOnce = 4;
/** Marks of a reader who scrolls are told together. */
const markAfterMs = 300;

export class Chat {
  readonly client: RingwayClient;
  readonly journeys = new Journeys();
  readonly users = new Map<string, User>();
  readonly channels = new Map<string, Channel>();
  readonly timelines = new Map<string, Timeline>();
  readonly unread = new Map<string, Unread>();
  readonly members = new Map<string, readonly string[]>();
  readonly presence = new Map<string, Presence["presence"]>();
  readonly typists = new Map<string, Typists>();
  readonly self: string;
  connection: State = { phase: "connecting" };
  current: string | undefined;
  /** told to everybody, a screen reader's user too; "" where there is nothing to say */
  notice = "";
  readonly #listeners = new Set<() => void>();
  /** channel → what happened there while a page of its history is on its way: the page may be older or newer than that */
  readonly #during = new Map<string, StoredEvent[]>();
  /** channels that the client resumes: of the others it tells nothing that happened while it was away */
  readonly #followed = new Set<string>();
  /** users and channels were read */
  #begun = false;
  #watched = "";
  #toldTypingAt = -Infinity;
  #markTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string, token: string, self: string) {
    this.self = self;
    const client = (this.client = new RingwayClient({ url, token, journeys: true }));
    client.on("state", (state) => this.#connected(state));
    client.on("message", (event) => this.#message(event));
    client.on("reaction", (event) => this.#reaction(event));
    client.on("event", (event) => this.#event(event));
    client.on("gap", (gap) => void this.#gap(gap));
    client.on("typing", ({ channel, user }) => this.#typing(channel, user));
    client.on("presence", ({ user, presence }) => this.#change(() => this.presence.set(user, presence)));
    client.on("journey", (journey) => this.#change(() => this.journeys.add(journey)));
    client.connect();
  }

  /** @returns ends it */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    clearTimeout(this.#markTimer);
    this.client.close();
  }

  nameOf(user: string): string {
    return this.users.get(user)?.name ?? user;
  }

  titleOf(channel: Channel): string {
    return channel.partner === undefined ? channel.name : this.nameOf(channel.partner);
  }

  /** Shows a channel. */
  open(channel: string): void {
    this.#change(() => (this.current = channel));
    if (this.channels.get(channel)?.isMember !== true) return;
    if (!this.timelines.has(channel)) void this.#reload(channel);
    if (!this.members.has(channel)) void this.#try(async () => this.members.set(channel, await readMembers(this.client, channel)));
  }

  /** One more page towards the past, where there is one and none is on its way. */
  async older(channel: string): Promise<void> {
    const timeline = this.timelines.get(channel);
    if (timeline?.hasMore === true && !this.isReading(channel)) await this.#read(channel, timeline.stored[0]?.ts ?? "");
  }

  isReading(channel: string): boolean {
    return this.#during.has(channel);
  }

  /** Shown at once; it has its place when the ack is there, over whatever connection. @param again the key of one that was refused */
  send(channel: string, text: string, again?: string): void {
    const key = again ?? keyOf(this.self, crypto.randomUUID());
    const message: Message = { key, ts: "", user: this.self, text, offset: undefined, edited: false, reactions: [], state: "waiting", sentAt: performance.now() };
    this.#toldTypingAt = -Infinity;
    this.#in(channel, (timeline) => withMine(timeline, message));
    this.client.send(channel, text, { client_msg_id: key.slice(this.self.length + 1) }).then(
      ({ ts, offset }) => {
        this.#followed.add(channel);
        this.#in(channel, (timeline) => withAck(timeline, key, { ts, offset, ackedAt: performance.now() }));
      },
      (error: unknown) => this.#in(channel, (timeline) => withMine(timeline, { ...message, state: "refused", why: explain(error) })),
    );
  }

  discard(channel: string, key: string): void {
    this.#in(channel, (timeline) => withoutMine(timeline, key));
  }

  /** @returns what went wrong, for people; undefined where nothing did. So do all below. */
  edit(channel: string, ts: string, text: string): Promise<string | undefined> {
    return this.#try(() => this.client.call("chat.update", { channel, ts, text }));
  }

  remove(channel: string, ts: string): Promise<string | undefined> {
    return this.#try(() => this.client.call("chat.delete", { channel, ts }));
  }

  react(channel: string, ts: string, name: string, add: boolean): Promise<string | undefined> {
    return this.#try(() => this.client.call(add ? "reactions.add" : "reactions.remove", { channel, timestamp: ts, name }));
  }

  async create(name: string): Promise<string | undefined> {
    return this.#try(async () => {
      const { channel } = await this.client.call("conversations.create", { name });
      this.#joined(toChannel(channel as Record<string, unknown>, true));
      this.open((channel as { id: string }).id);
    }, false);
  }

  async join(channel: string): Promise<string | undefined> {
    return this.#try(async () => {
      this.#joined(toChannel((await this.client.call("conversations.join", { channel }))["channel"] as Record<string, unknown>, true));
      this.open(channel);
    });
  }

  async leave(channel: string): Promise<string | undefined> {
    return this.#try(async () => {
      await this.client.call("conversations.leave", { channel });
      this.#left(channel);
    });
  }

  /** Others make channels, too, and nobody is told of those. */
  async refresh(): Promise<void> {
    if (!this.#begun) return this.#begin();
    await this.#try(async () => {
      for (const channel of await readChannels(this.client)) this.channels.set(channel.id, channel);
    });
  }

  typing(channel: string): void {
    const now = performance.now();
    if (!mayTell(this.#toldTypingAt, now)) return;
    this.#toldTypingAt = now;
    this.client.typing(channel);
  }

  /** Whose presence is shown now; of others nothing is known any more. */
  watch(users: readonly string[]): void {
    const key = [...users].sort().join();
    if (key === this.#watched) return;
    this.#watched = key;
    for (const user of [...this.presence.keys()]) if (!users.includes(user)) this.presence.delete(user);
    this.client.watch(users);
  }

  /** Somebody has the end of the channel before their eyes. */
  read(channel: string): void {
    const newest = this.timelines.get(channel)?.stored.at(-1)?.ts;
    const unread = this.unread.get(channel) ?? none;
    if (newest === undefined || newest <= unread.lastRead) return;
    this.#change(() => this.unread.set(channel, withMark(unread, newest)));
    clearTimeout(this.#markTimer);
    // Where it fails, the next mark says the same and more.
    this.#markTimer = setTimeout(() => void this.client.call("conversations.mark", { channel, ts: newest }).catch(() => {}), markAfterMs);
  }

  say(notice: string): void {
    this.#change(() => (this.notice = notice));
  }

  #connected(state: State): void {
    this.#change(() => (this.connection = state));
    if (state.phase !== "connected") return;
    this.notice = ""; // what failed for want of a connection
    if (!this.#begun) void this.#begin();
    else void this.#ofEach(this.#own().filter(({ id }) => !this.#followed.has(id)), (id) => this.#catchUp(id));
  }

  async #begin(): Promise<void> {
    await this.#try(async () => {
      for (const user of await readUsers(this.client)) this.users.set(user.id, user);
      for (const channel of await readChannels(this.client)) this.channels.set(channel.id, channel);
      this.#begun = true;
    });
    const first = this.#own().find(({ name }) => name === "general") ?? this.#own()[0];
    if (this.current === undefined && first !== undefined) this.open(first.id);
    await this.#ofEach(this.#own(), (id) => this.#count(id));
  }

  #own(): Channel[] {
    return [...this.channels.values()].filter(({ isMember }) => isMember);
  }

  async #ofEach(channels: readonly Channel[], work: (id: string) => Promise<void>): Promise<void> {
    const queue = channels.map(({ id }) => id);
    const lane = async (): Promise<void> => {
      for (let id = queue.shift(); id !== undefined; id = queue.shift()) await work(id);
    };
    await Promise.all(Array.from({ length: readsAtOnce }, lane));
  }

  async #count(channel: string): Promise<void> {
    await this.#try(async () => {
      const found = await readUnread(this.client, channel, this.self);
      // Meanwhile more may have come, or been read.
      this.unread.set(channel, merged(found, this.unread.get(channel) ?? none));
    });
  }

  async #catchUp(channel: string): Promise<void> {
    await this.#count(channel);
    if (this.timelines.has(channel)) await this.#reload(channel);
  }

  /** From the newest page on; what waits to be sent stays. */
  #reload(channel: string): Promise<void> {
    const from = performance.now();
    this.#in(channel, (timeline) => timeline);
    return this.#read(channel, "", ({ stored, mine }) => ({ ...empty, stored: stored.filter(({ ackedAt = 0 }) => ackedAt > from), mine }));
  }

  /** @param base what of the timeline the page is put to */
  async #read(channel: string, before: string, base: (timeline: Timeline) => Timeline = (timeline) => timeline): Promise<void> {
    const during: StoredEvent[] = [];
    this.#during.set(channel, during);
    await this.#try(async () => {
      const { messages, hasMore } = await readHistory(this.client, channel, before);
      // It counts unless the channel was left, or is read anew. Told twice is told once: an edit sets the text, a reaction is its user's.
      if (this.#during.get(channel) === during) this.#in(channel, (timeline) => during.reduce(withEvent, withPage(base(timeline), messages, hasMore)));
    });
    if (this.#during.get(channel) === during) this.#change(() => this.#during.delete(channel));
  }

  #message(event: MessageEvent): void {
    const { channel, ts, subtype, user, deleted_ts: deleted } = event;
    const unread = this.unread.get(channel) ?? none;
    if (subtype === "message_deleted") this.unread.set(channel, withoutMessage(unread, String(deleted)));
    else if (subtype !== "message_changed" && user !== this.self) this.unread.set(channel, withMessage(unread, ts));
    const typists = this.typists.get(channel);
    if (typists !== undefined) this.typists.set(channel, stopped(typists, user, performance.now()));
    if (user !== undefined) this.#meet(user);
    this.#happened(channel, event);
  }

  #reaction(event: Reaction): void {
    this.#happened(event.item.channel, event);
  }

  /** A channel's event, for its timeline. */
  #happened(channel: string, event: StoredEvent): void {
    this.#followed.add(channel);
    this.#during.get(channel)?.push(event);
    if (this.timelines.has(channel)) this.#in(channel, (timeline) => withEvent(timeline, event));
    else this.#change(() => {});
  }

  #event(event: StoredEvent): void {
    const { type, channel, user } = event as StoredEvent & { user?: string };
    if (/^(channel|group|mpim)_joined$|^im_created$/.test(type)) this.#joined(toChannel(channel as unknown as Record<string, unknown>, true));
    else if (/^(channel|group)_left$/.test(type)) this.#left(channel);
    else if (/^(channel|group|im|mpim)_marked$/.test(type)) this.#change(() => this.unread.set(channel, withMark(this.unread.get(channel) ?? none, String(event["ts"]))));
    else if (type === "member_joined_channel" || type === "member_left_channel") {
      this.#followed.add(channel);
      this.#meet(user!);
      const others = this.members.get(channel)?.filter((one) => one !== user);
      if (others !== undefined) this.#change(() => this.members.set(channel, type === "member_joined_channel" ? [...others, user!].sort() : others));
    }
  }

  /** Not all is replayed: read what there is. */
  async #gap({ channel }: Gap): Promise<void> {
    this.#followed.add(channel);
    if (channel === this.self) return this.refresh();
    await this.#catchUp(channel);
  }

  #typing(channel: string, user: string): void {
    const now = performance.now();
    this.#change(() => this.typists.set(channel, typed(this.typists.get(channel) ?? new Map(), user, now)));
    setTimeout(() => this.#change(() => this.typists.set(channel, stopped(this.typists.get(channel) ?? new Map(), undefined, performance.now()))), 5_050);
  }

  #joined(channel: Channel): void {
    this.#change(() => this.channels.set(channel.id, channel));
    if (this.current === channel.id) this.open(channel.id);
  }

  #left(id: string): void {
    const channel = this.channels.get(id);
    for (const map of [this.timelines, this.unread, this.members, this.typists, this.#during]) map.delete(id);
    this.#followed.delete(id);
    this.#change(() => {
      if (channel?.kind === "channel") this.channels.set(id, { ...channel, isMember: false });
      else this.channels.delete(id);
    });
  }

  /** Somebody who came after this page was opened. */
  #meet(user: string): void {
    if (this.users.has(user)) return;
    this.users.set(user, { id: user, name: user });
    void this.#try(async () => this.users.set(user, await readUser(this.client, user)));
  }

  #in(channel: string, to: (timeline: Timeline) => Timeline): void {
    this.#change(() => this.timelines.set(channel, to(this.timelines.get(channel) ?? empty)));
  }

  /** @param tell false where the caller shows what went wrong */
  async #try(work: () => Promise<unknown>, tell = true): Promise<string | undefined> {
    try {
      await work();
      this.#change(() => {});
      return undefined;
    } catch (error) {
      const why = explain(error);
      if (tell) this.say(why);
      return why;
    }
  }

  #change(by: () => unknown): void {
    by();
    for (const listener of this.#listeners) listener();
  }
}
