/** All that the page knows, kept up by what the client tells; the views show it and call its actions. Knows no DOM. */
import { RingwayClient, RingwayError, type Gap, type MessageEvent, type Presence, type Reaction, type State, type StoredEvent } from "@ringway/client";
import { explain } from "./complaints.ts";
import { Histories } from "./histories.ts";
import { Journeys } from "./journeys.ts";
import { Marks } from "./marks.ts";
import { readChannels, readMembers, readUnread, readUser, readUsers, toChannel, type Channel, type User } from "./reads.ts";
import { Retries } from "./retries.ts";
import { keyOf, withAck, withMine, withoutMine, type Message, type Timeline } from "./timeline.ts";
import { mayTell, stopped, typed, type Typists } from "./typing.ts";
import { merged, none, withMark, withMessage, withoutMessage, type Unread } from "./unread.ts";

/** What the server says of a channel that is not one's own any more. */
const goneCodes = ["not_in_channel", "channel_not_found"];

export class Chat {
  readonly client: RingwayClient;
  readonly journeys = new Journeys();
  readonly users = new Map<string, User>();
  readonly channels = new Map<string, Channel>();
  readonly histories: Histories;
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
  /** channels that the client resumes: of the others it tells nothing that happened while it was away */
  readonly #followed = new Set<string>();
  readonly #reads: Retries;
  readonly #marks = new Marks((channel, ts) => this.#ofOwn(channel, () => this.client.call("conversations.mark", { channel, ts }, { keepalive: true })));
  /** users and channels are being read, or were */
  #begun = false;
  /** joined or left while the list of channels is on its way: the list may be older than that */
  readonly #moved = new Set<string>();
  /** the notice that tells of a read which failed */
  #failure = "";
  #watched = "";
  #toldTypingAt = -Infinity;

  constructor(url: string, token: string, self: string) {
    this.self = self;
    const client = (this.client = new RingwayClient({ url, token, journeys: true }));
    this.histories = new Histories(client, () => this.#change(() => {}));
    this.#reads = new Retries({
      isConnected: () => client.state.phase === "connected",
      failed: (error) => this.say((this.#failure = explain(error))),
      done: (left) => this.#change(() => left === 0 && this.notice === this.#failure && (this.notice = "")),
    });
    client.on("state", (state) => this.#connected(state));
    client.on("message", (event) => this.#message(event));
    client.on("reaction", (event) => this.#reaction(event));
    client.on("event", (event) => this.#event(event));
    client.on("gap", (gap) => this.#gap(gap));
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

  get timelines(): ReadonlyMap<string, Timeline> {
    return this.histories.timelines;
  }

  close(): void {
    this.#marks.flush();
    this.#reads.close();
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
    if (!this.timelines.has(channel)) this.#reload(channel);
    if (!this.members.has(channel) && !this.#reads.has(`members ${channel}`)) this.#readMembers(channel);
  }

  /** One more page towards the past, where there is one and none is on its way. */
  async older(channel: string): Promise<void> {
    if (this.timelines.get(channel)?.hasMore === true && !this.isReading(channel)) await this.#try(() => this.histories.older(channel));
  }

  isReading(channel: string): boolean {
    return this.histories.isReading(channel) || this.#reads.has(`history ${channel}`);
  }

  /** Shown at once; it has its place when the ack is there, over whatever connection. @param again the key of one that was refused */
  send(channel: string, text: string, again?: string): void {
    const key = again ?? keyOf(this.self, crypto.randomUUID());
    const message: Message = { key, ts: "", user: this.self, text, offset: undefined, edited: false, reactions: [], state: "waiting", sentAt: performance.now() };
    this.#toldTypingAt = -Infinity;
    this.histories.change(channel, (timeline) => withMine(timeline, message));
    this.client.send(channel, text, { client_msg_id: key.slice(this.self.length + 1) }).then(
      ({ ts, offset }) => {
        this.#followed.add(channel);
        this.histories.change(channel, (timeline) => withAck(timeline, key, { ts, offset, ackedAt: performance.now() }));
      },
      (error: unknown) => this.histories.change(channel, (timeline) => withMine(timeline, { ...message, state: "refused", why: explain(error) })),
    );
  }

  discard(channel: string, key: string): void {
    this.histories.change(channel, (timeline) => withoutMine(timeline, key));
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
  refresh(): void {
    this.#reads.ask("channels", () => this.#readChannels(), true);
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
    this.unread.set(channel, withMark(unread, newest));
    if (unread.list.size > 0) this.#change(() => {});
    this.#marks.add(channel, newest);
  }

  /** The page may go away now. */
  leaving(): void {
    this.#marks.flush();
  }

  say(notice: string): void {
    this.#change(() => (this.notice = notice));
  }

  #connected(state: State): void {
    this.#change(() => (this.connection = state));
    if (state.phase !== "connected") return;
    this.notice = ""; // what failed for want of a connection
    this.#reads.connected();
    this.#marks.flush();
    if (this.#begun) for (const { id } of this.#own()) if (!this.#followed.has(id)) this.#catchUp(id);
    if (!this.#begun) this.#begin();
  }

  #begin(): void {
    this.#begun = true;
    this.#reads.ask("users", async () => {
      for (const user of await readUsers(this.client)) this.users.set(user.id, user);
    });
    this.refresh();
  }

  #own(): Channel[] {
    return [...this.channels.values()].filter(({ isMember }) => isMember);
  }

  async #readChannels(): Promise<void> {
    this.#moved.clear();
    const { channels, isWhole } = await readChannels(this.client);
    const before = new Set(this.#own().map(({ id }) => id));
    const found = new Map(channels.map((channel) => [channel.id, channel]));
    for (const { id, isMember } of [...this.channels.values()].filter((channel) => !this.#moved.has(channel.id))) {
      if (isMember && (found.has(id) ? !found.get(id)!.isMember : isWhole)) this.#left(id);
      if (isWhole && !found.has(id)) this.channels.delete(id);
    }
    for (const channel of channels) if (!this.#moved.has(channel.id)) this.channels.set(channel.id, channel);
    for (const { id } of this.#own()) if (!before.has(id)) this.#count(id);
    const shown = this.current ?? (this.#own().find(({ name }) => name === "general") ?? this.#own()[0])?.id;
    if (shown !== undefined) this.open(shown);
  }

  #count(channel: string): void {
    this.#readOf(channel, "count", async () => {
      const found = await readUnread(this.client, channel, this.self);
      // Meanwhile more may have come, or been read.
      return () => this.unread.set(channel, merged(found, this.unread.get(channel) ?? none));
    });
  }

  #readMembers(channel: string): void {
    this.#readOf(channel, "members", async () => {
      const found = await readMembers(this.client, channel);
      return () => this.members.set(channel, found);
    });
  }

  #catchUp(channel: string): void {
    this.#count(channel);
    if (this.timelines.has(channel)) this.#reload(channel);
    if (this.current === channel) this.#readMembers(channel);
    else this.members.delete(channel);
  }

  #reload(channel: string): void {
    this.histories.change(channel, (timeline) => timeline);
    this.#readOf(channel, "history", () => this.histories.newest(channel));
  }

  /** In the end it is read, unless the channel is not one's own any more. @param read returns what keeps it */
  #readOf(channel: string, what: "count" | "members" | "history", read: () => Promise<(() => unknown) | void>): void {
    const work = async (): Promise<void> => {
      const keep = await this.#ofOwn(channel, read);
      if (this.channels.get(channel)?.isMember === true) keep?.();
    };
    this.#reads.ask(`${what} ${channel}`, work, channel === this.current);
  }

  /** Where the server says that one is not in the channel, its own event of that was lost. */
  async #ofOwn<T>(channel: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RingwayError && goneCodes.includes(error.code))) throw error;
      this.#left(channel);
      return undefined;
    }
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
    this.histories.happened(channel, event);
  }

  #event(event: StoredEvent): void {
    const { type, channel, user } = event as StoredEvent & { user?: string };
    if (/^(channel|group|mpim)_joined$|^im_created$/.test(type)) this.#joined(toChannel(channel as unknown as Record<string, unknown>, true));
    else if (/^(channel|group)_left$/.test(type)) this.#left(channel);
    else if (/^(channel|group|im|mpim)_marked$/.test(type)) {
      this.#marks.told(channel, String(event["ts"]));
      this.#change(() => this.unread.set(channel, withMark(this.unread.get(channel) ?? none, String(event["ts"]))));
    }
    else if (type === "member_joined_channel" || type === "member_left_channel") {
      this.#followed.add(channel);
      this.#meet(user!);
      const others = this.members.get(channel)?.filter((one) => one !== user);
      if (others !== undefined) this.#change(() => this.members.set(channel, type === "member_joined_channel" ? [...others, user!].sort() : others));
      // What is on its way may be older than this.
      if (this.#reads.has(`members ${channel}`)) this.#readMembers(channel);
    }
  }

  /** Not all is replayed: read what there is. */
  #gap({ channel }: Gap): void {
    this.#followed.add(channel);
    if (channel !== this.self) return this.#catchUp(channel);
    this.refresh();
    // What was read in another window may be among what is lost.
    for (const { id } of this.#own()) this.#count(id);
  }

  #typing(channel: string, user: string): void {
    const now = performance.now();
    this.#change(() => this.typists.set(channel, typed(this.typists.get(channel) ?? new Map(), user, now)));
    setTimeout(() => this.#change(() => this.typists.set(channel, stopped(this.typists.get(channel) ?? new Map(), undefined, performance.now()))), 5_050);
  }

  #joined(channel: Channel): void {
    this.#moved.add(channel.id);
    this.#change(() => this.channels.set(channel.id, channel));
    if (this.current === channel.id) this.open(channel.id);
  }

  #left(id: string): void {
    const channel = this.channels.get(id);
    for (const map of [this.unread, this.members, this.typists]) map.delete(id);
    this.histories.forget(id);
    for (const what of ["count", "members", "history"]) this.#reads.drop(`${what} ${id}`);
    this.#marks.drop(id);
    this.#followed.delete(id);
    this.#moved.add(id);
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
