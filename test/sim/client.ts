/**
 * A client of the RTM: connects, resumes by its offsets, sends with a key and sends again what was not acked. It keeps
 * what it has seen, and every event it is shown goes past the monitor.
 */
import type { Side } from "./connection.ts";
import { upgraded, type ClientMessage } from "./door.ts";
import type { Dial } from "./envoy.ts";
import { isHidden } from "./monitor.ts";
import { Process, type Timer } from "./process.ts";
import type { Gap } from "../../services/gateway/client-frames.ts";
import type { World } from "./world.ts";

const apiMs = 6_000;
const helloMs = 8_000;
const pingEveryMs = 2_000;
const silentMs = 6_000;
const backOff = { least: 100, most: 1_500 };

interface Draft {
  readonly channel: string;
  readonly key: string;
  readonly text: string;
  /** the frame's number on the present socket, 0 = not sent there */
  id: number;
}

type Frame = Readonly<Record<string, unknown>>;
const parsed = new WeakMap<Uint8Array, Frame>();

export interface ClientOptions {
  readonly name: string;
  readonly user: string;
  /** asks for everything from the first event on; else for what comes from the first connection on */
  readonly fromStart: boolean;
  /** leaves when a draining gateway says so, and is served until then; else it leaves at once */
  readonly paced?: boolean;
  /** users whose presence it follows */
  readonly watches: readonly string[];
}

export class Client {
  readonly name: string;
  readonly user: string;
  readonly process: Process;
  readonly #world: World;
  readonly #options: ClientOptions;
  readonly #outbox: Draft[] = [];
  /** channel → everything up to this offset was seen */
  readonly #cursors = new Map<string, number>();
  /** own messages by offset, as acked */
  readonly #acked = new Map<string, Set<number>>();
  /** the present session's own view: channel → last event shown */
  #shown = new Map<string, number>();
  /** channel it joined in this session → what comes after this offset must be shown */
  readonly #promised = new Map<string, number>();
  readonly presence = new Map<string, boolean>();
  /** keys of the messages it was shown */
  readonly seen = new Set<string>();
  #side: Side<ClientMessage> | undefined;
  #dial: Dial | undefined;
  #timer: Timer | undefined;
  #heardAt = 0;
  #failures = 0;
  #frames = 0;
  #tries = 0;
  #wanted = false;
  #goodbyes = 0;
  /** of the present session, once it had its hello */
  session = 0;
  helloAt = -Infinity;
  gateway = "";
  gaps = 0;

  constructor(world: World, options: ClientOptions) {
    this.#world = world;
    this.#options = options;
    this.name = options.name;
    this.user = options.user;
    this.process = new Process(world.kernel, options.name);
  }

  get watches(): readonly string[] {
    return this.#options.watches;
  }

  get live(): boolean {
    return this.session !== 0;
  }

  get unacked(): readonly { readonly key: string }[] {
    return this.#outbox;
  }

  get wanted(): boolean {
    return this.#wanted;
  }

  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#connect();
  }

  /** Goes offline of its own will. */
  leave(): void {
    this.#wanted = false;
    this.#tries++;
    this.#end();
    this.#world.trace.line(() => `${this.name}  leaves`);
  }

  send(channel: string, text: string, key: string): void {
    const draft: Draft = { channel, text, key, id: 0 };
    this.#outbox.push(draft);
    if (this.live) this.#write(draft);
  }

  /** What it has of a channel; undefined where it was shown nothing yet. */
  cursor(channel: string): number | undefined {
    return this.#cursors.get(channel);
  }

  /** It has joined, and is to be shown what comes after this offset. */
  joined(channel: string, after: number): void {
    if (!this.live || this.#shown.has(channel)) return;
    this.#promised.set(channel, after);
    this.#cursors.set(channel, after);
  }

  /** Whether it has all of a channel up to its head. */
  missing(channel: string): number | undefined {
    const cursor = this.#cursors.get(channel);
    if (cursor === undefined) return undefined;
    const entries = this.#world.monitor.ledger.entries(channel);
    const acked = this.#acked.get(channel);
    for (let offset = cursor + 1; offset <= entries.length; offset++) {
      if (!isHidden(entries[offset - 1]!, this.session) && acked?.has(offset) !== true) return offset;
    }
    return undefined;
  }

  #connect(): void {
    const { envoy, directory } = this.#world;
    const turn = ++this.#tries;
    const mine = (): boolean => turn === this.#tries;
    const offsets: Record<string, number> = Object.fromEntries(this.#cursors);
    if (this.#options.fromStart) for (const channel of [this.user, ...directory.channelsOf(this.user)]) offsets[channel] ??= 0;
    envoy.api<string>(this.process, "rtm.connect", apiMs, (webapp, reply) => webapp.connect(this.user, offsets, this.#options.paced === true, reply), ({ value: ticket }) => {
      if (!mine()) return;
      if (ticket === undefined) return this.#again();
      // webapp leaves out what the user is no member of: that begins anew.
      this.#shown = new Map(Object.entries(directory.tickets.get(ticket)?.offsets ?? {}));
      for (const channel of this.#cursors.keys()) if (!this.#shown.has(channel)) this.#forget(channel);
      const opened = (side: Side<ClientMessage>): void => {
        this.#side = side;
        side.handlers = {
          data: (message) => mine() && this.#take(message),
          closed: () => mine() && this.#lost("closed"),
        };
      };
      this.#dial = envoy.upgrade(this.process, ticket, opened, (status) => mine() && this.#lost(`refused with ${status}`));
      this.#timer = this.process.after(helloMs, () => mine() && this.#lost("got no hello"));
    });
  }

  /** Ends what there is and tries again after a while, or after `delayMs`. */
  #lost(why: string, delayMs = this.#backOff()): void {
    this.#world.trace.line(() => `${this.name}  ${why}`);
    this.#end();
    this.#again(delayMs);
  }

  #end(): void {
    this.#dial?.cancel();
    this.#side?.close();
    this.#side = undefined;
    this.session = 0;
    this.gateway = "";
    this.presence.clear();
    this.#promised.clear();
    if (this.#timer !== undefined) this.#timer.run = undefined;
    for (const draft of this.#outbox) draft.id = 0;
  }

  #again(delayMs = this.#backOff()): void {
    if (!this.#wanted) return;
    const turn = ++this.#tries;
    this.process.after(delayMs, () => turn === this.#tries && this.#connect());
  }

  #backOff(): number {
    return this.#world.random.between(0.5, 1) * Math.min(backOff.least * 2 ** this.#failures++, backOff.most);
  }

  #take(message: ClientMessage): void {
    this.#heardAt = this.#world.kernel.now;
    if (message === upgraded) return;
    if ("ping" in message) return this.#side?.send({ pong: true });
    if ("close" in message) return this.#lost(`was closed: ${message.close}`);
    if ("text" in message) return this.#frame(JSON.parse(message.text) as Frame);
    if (!("payload" in message)) return;
    let frame = parsed.get(message.payload);
    if (frame === undefined) parsed.set(message.payload, (frame = JSON.parse(new TextDecoder().decode(message.payload)) as Frame));
    this.#frame(frame);
  }

  #frame(frame: Frame): void {
    if (frame["ok"] !== undefined) return this.#answered(frame);
    switch (frame["type"]) {
      case "hello":
        return this.#hello(frame["x_session"] as number, frame["x_gateway"] as string);
      case "goodbye":
        return this.#goodbye(frame["x_delay_ms"] as number);
      case "x_gap":
        return this.#gap(frame as unknown as Gap);
      case "presence_change":
        return this.#presence(frame["user"] as string, frame["presence"] === "active");
      default:
        if (frame["x_off"] !== undefined) this.#event(frame);
    }
  }

  #hello(session: number, gateway: string): void {
    this.session = session;
    this.gateway = gateway;
    this.#failures = 0;
    this.helloAt = this.#world.kernel.now;
    this.#world.trace.line(() => `${gateway} → ${this.name}  hello`);
    if (this.#timer !== undefined) this.#timer.run = undefined;
    this.#beat();
    // Without an offset in its user's own channel it may have missed that it left one; conversations.list tells.
    const own = new Set([this.user, ...this.#world.directory.channelsOf(this.user)]);
    for (const channel of [...this.#cursors.keys(), ...this.#shown.keys()]) if (!own.has(channel)) this.#forget(channel);
    if (this.#options.watches.length > 0) this.#say({ type: "presence_sub", ids: this.#options.watches });
    for (const draft of [...this.#outbox]) this.#write(draft);
  }

  #goodbye(delayMs: number): void {
    if (this.#options.paced !== true) return this.#lost("was told goodbye", 0);
    this.#world.trace.line(() => `${this.gateway} → ${this.name}  goodbye, in ${delayMs} ms`);
    const turn = this.#tries;
    const leave = ++this.#goodbyes;
    this.process.after(delayMs, () => turn === this.#tries && leave === this.#goodbyes && this.#lost("leaves as it was told", 0));
  }

  #beat(): void {
    const turn = this.#tries;
    this.#timer = this.process.after(pingEveryMs, () => {
      if (turn !== this.#tries || !this.live) return;
      if (this.#world.kernel.now - this.#heardAt >= silentMs) return this.#lost("heard nothing for too long");
      this.#say({ type: "ping" });
      this.#beat();
    });
  }

  #write(draft: Draft): void {
    draft.id = ++this.#frames;
    this.#world.trace.line(() => `${this.name} → ${this.gateway}  message for ${draft.channel}, key ${draft.key}`);
    this.#say({ id: draft.id, type: "message", channel: draft.channel, text: draft.text, client_msg_id: draft.key });
  }

  #say(frame: Frame): void {
    this.#side?.send({ text: JSON.stringify(frame) });
  }

  #answered(frame: Frame): void {
    const index = this.#outbox.findIndex((draft) => draft.id !== 0 && draft.id === frame["reply_to"]);
    const draft = this.#outbox[index];
    if (draft === undefined) return;
    if (frame["ok"] === true) {
      this.#outbox.splice(index, 1);
      const offset = frame["x_off"] as number;
      this.#world.trace.line(() => `${this.gateway} → ${this.name}  ack ${draft.key}, offset ${offset}`);
      this.#world.monitor.ack(this.name, draft.channel, draft.key, offset, frame["ts"] as string);
      this.seen.add(draft.key);
      const own = this.#acked.get(draft.channel) ?? new Set();
      this.#acked.set(draft.channel, own.add(offset));
      return this.#advance(draft.channel);
    }
    draft.id = 0;
    this.#world.trace.line(() => `${this.gateway} → ${this.name}  ${draft.key} refused: ${String(frame["x_reason"])}`);
    // A sender that left the channel gives up; any other tries again with the same key.
    if (frame["x_reason"] === "channel_not_found" && this.#world.directory.members.get(draft.channel)?.has(this.user) !== true) return void this.#outbox.splice(index, 1);
    const turn = this.#tries;
    this.process.after(this.#world.random.between(100, 600), () => {
      if (turn === this.#tries && this.live && draft.id === 0 && this.#outbox.includes(draft)) this.#write(draft);
    });
  }

  #event(frame: Frame): void {
    const channel = (frame["x_chan"] ?? frame["channel"]) as string;
    const offset = frame["x_off"] as number;
    this.#world.trace.line(() => `${this.gateway} → ${this.name}  ${channel} ${offset}`);
    const promised = this.#promised.get(channel) ?? Infinity;
    const last = this.#shown.get(channel) ?? (offset > promised ? promised : undefined);
    // The gateway may have taken it out meanwhile, also where the client was not told: it did not say what it has of its user's channel.
    const rejoined = last !== undefined && offset > last + 1 && this.#world.directory.hasLeft(this.user, channel);
    this.#world.monitor.event(this.name, this.session, channel, rejoined ? undefined : last, offset, frame);
    this.#shown.set(channel, offset);
    this.#cursors.set(channel, Math.max(offset, this.#cursors.get(channel) ?? 0));
    if (typeof frame["client_msg_id"] === "string") this.seen.add(frame["client_msg_id"]);
    if (frame["type"] === "channel_left") return this.#forget(frame["channel"] as string);
    this.#advance(channel);
  }

  #presence(user: string, active: boolean): void {
    this.#world.trace.line(() => `${this.gateway} → ${this.name}  ${user} is ${active ? "active" : "away"}`);
    this.presence.set(user, active);
    this.#world.onPresence(this, user, active);
  }

  #forget(channel: string): void {
    this.#cursors.delete(channel);
    this.#shown.delete(channel);
    this.#promised.delete(channel);
  }

  /** Own messages right after the last event are known, too. */
  #advance(channel: string): void {
    const own = this.#acked.get(channel);
    let cursor = this.#cursors.get(channel);
    if (cursor === undefined || own === undefined) return;
    while (own.has(cursor + 1)) cursor++;
    this.#cursors.set(channel, cursor);
  }

  #gap(gap: Gap): void {
    const { channel, after, head } = gap;
    this.gaps++;
    this.#world.trace.line(() => `${this.gateway} → ${this.name}  gap in ${channel} after ${after} up to ${head}`);
    // Who left a channel and is in it again may be told so without a word of where that began.
    const anew = after === undefined && this.#world.directory.hasLeft(this.user, channel);
    this.#world.monitor.gap(this.name, this.session, anew ? undefined : this.#shown.get(channel), gap);
    this.#shown.set(channel, head);
    this.#cursors.set(channel, head);
  }
}
