/**
 * A client of Ringway: connects, comes back by itself with the offsets that it has seen, leaves a gateway in its turn after a
 * `goodbye` (the next connection is there before the old one is left), shows each event once and in order, and sends each message
 * once, however often that takes.
 */
import { Backoff } from "./backoff.ts";
import { Connection } from "./connection.ts";
import { Emitter } from "./emitter.ts";
import { RingwayError } from "./errors.ts";
import type { Events, Frame, Gap, Journey, MessageEvent, Presence, Reaction, StoredEvent, Typing } from "./events.ts";
import { Offsets } from "./offsets.ts";
import { Outbox, type Sent } from "./outbox.ts";
import { WebApi, type CallOptions, type TokenSource } from "./web-api.ts";

export type { Sent } from "./outbox.ts";

export interface ClientOptions {
  /** where Ringway is, as `https://chat.example.org` */
  readonly url: string;
  readonly token: TokenSource;
  /** messages that wait for their ack; one more is refused with `queue_full`. Default 1,000 */
  readonly maxWaiting?: number;
  /** tells by `journey` how each event travelled; each costs a frame. Default false */
  readonly journeys?: boolean;
}

/** What a badge shows. */
export type State =
  | { readonly phase: "connecting" }
  | { readonly phase: "connected"; readonly gateway: string; readonly session: number }
  /** it tries again in so many ms */
  | { readonly phase: "waiting"; readonly why: string; readonly againMs: number }
  | { readonly phase: "closed"; readonly why: string };

/** Errors of `rtm.connect` after which it is no use to try again. */
const fatal = new Set(["invalid_auth", "not_authed", "token_expired", "token_revoked", "account_inactive"]);
/** A connection that held for so long was a good one: the next pauses begin anew. */
const steadyMs = 5_000;
/** acks that are due on a connection that is left are waited for so long */
const lastAcksMs = 1_000;

export class RingwayClient extends Emitter<Events> {
  readonly #api: WebApi;
  readonly #offsets = new Offsets();
  readonly #outbox: Outbox;
  readonly #backoff = new Backoff();
  readonly #journeys: boolean;
  #state: State = { phase: "closed", why: "not connected yet" };
  /** the one that sends */
  #live: Connection | undefined;
  /** one that has not said hello yet */
  #next: Connection | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** left after a `goodbye`, for its last acks */
  #leaving: { readonly connection: Connection; readonly timer: ReturnType<typeof setTimeout> } | undefined;
  #watched: readonly string[] = [];
  #liveSince = 0;
  /** the client's own user, once it is known */
  #self = "";
  /** rises with each connect and close: what an older one began is over */
  #era = 0;

  constructor({ url, token, maxWaiting = 1_000, journeys = false }: ClientOptions) {
    super();
    this.#api = new WebApi(url, token);
    this.#journeys = journeys;
    this.#outbox = new Outbox(maxWaiting, () => this.#live);
  }

  get state(): State {
    return this.#state;
  }

  /** Messages that have no ack yet. */
  get waiting(): number {
    return this.#outbox.size;
  }

  /** How long the way to the gateway and back takes on this connection, by its last pings; undefined where none came back yet. */
  get roundTripMs(): number | undefined {
    return this.#live?.roundTripMs;
  }

  /** Connects, and stays connected until `close`. Tells by `state`. */
  connect(): void {
    if (this.#state.phase !== "closed") return;
    this.#outbox.open();
    this.#backoff.reset();
    void this.#open(++this.#era);
  }

  /** Tries now, where it waits to try again: somebody knows that the network is back. */
  retry(): void {
    if (this.#state.phase !== "waiting") return;
    clearTimeout(this.#timer);
    void this.#open(this.#era);
  }

  /**
   * Sends a message as soon as there is a connection, as often as it takes, under one `client_msg_id`: it is stored once.
   * @param more further fields, as `thread_ts`, `blocks`, or a `client_msg_id` of your own
   * @throws RingwayError (the promise rejects) where it is refused for good, or the client is closed before
   */
  async send(channel: string, text: string, more: Readonly<Record<string, unknown>> = {}): Promise<Sent> {
    const key = typeof more["client_msg_id"] === "string" ? more["client_msg_id"] : crypto.randomUUID();
    return this.#outbox.add(channel, { ...more, text }, key);
  }

  /** Tells the others that the user types; nobody is told where there is no connection. */
  typing(channel: string): void {
    this.#live?.send({ type: "typing", channel });
  }

  /** Watches the presence of these users, and of nobody else any more; over reconnects, too. */
  watch(users: readonly string[]): void {
    this.#watched = [...users];
    this.#live?.send({ type: "presence_sub", ids: this.#watched });
  }

  /** @throws RingwayError */
  call(method: string, args: Readonly<Record<string, unknown>> = {}, options: CallOptions = {}): Promise<Readonly<Record<string, unknown>>> {
    return this.#api.call(method, args, options);
  }

  /** Ends it. Messages without an ack are refused with `closed`; some of them may have been stored. */
  close(): void {
    this.#era++;
    clearTimeout(this.#timer);
    clearTimeout(this.#leaving?.timer);
    const open = [this.#live, this.#next, this.#leaving?.connection];
    this.#live = this.#next = this.#leaving = undefined;
    for (const connection of open) connection?.close("closed");
    this.#outbox.close();
    this.#tell({ phase: "closed", why: "closed" });
  }

  async #open(era: number): Promise<void> {
    if (this.#live === undefined) this.#tell({ phase: "connecting" });
    try {
      const { url, self } = await this.#api.call("rtm.connect", { x_offsets: this.#offsets.toResume(), x_resume: true, ...(this.#journeys ? { x_journeys: true } : {}) });
      if (era !== this.#era) return;
      this.#self = String((self as { id?: unknown } | undefined)?.id ?? "");
      this.#next = new Connection(String(url), {
        hello: (connection, frame) => this.#hello(connection, frame),
        frame: (connection, frame) => this.#frame(connection, frame),
        goodbye: (connection, delayMs) => {
          if (connection !== this.#live) return;
          clearTimeout(this.#timer);
          this.#timer = setTimeout(() => void this.#open(era), delayMs);
        },
        over: (connection, why) => this.#over(connection, why, era),
      });
    } catch (error) {
      if (era === this.#era) this.#failed(error as Error, era);
    }
  }

  #hello(connection: Connection, frame: Frame): void {
    if (connection !== this.#next) return connection.close("too late");
    const before = this.#live;
    this.#next = undefined;
    this.#live = connection;
    this.#liveSince = Date.now();
    if (before !== undefined) this.#leaving = { connection: before, timer: setTimeout(() => before.close("goodbye"), lastAcksMs) };
    if (this.#watched.length > 0) connection.send({ type: "presence_sub", ids: this.#watched });
    this.#outbox.flush();
    this.#tell({ phase: "connected", gateway: String(frame["x_gateway"] ?? ""), session: Number(frame["x_session"] ?? 0) });
  }

  /** From one that was left only the answers count; events come by the new one. */
  #frame(connection: Connection, frame: Frame): void {
    if ("reply_to" in frame) {
      const sent = this.#outbox.reply(frame);
      if (sent !== undefined) this.#offsets.own(sent.channel, sent.offset);
      return;
    }
    if (connection !== this.#live) return;
    const type = String(frame["type"] ?? "");
    if (type === "user_typing") return this.emit("typing", frame as unknown as Typing);
    if (type === "presence_change") return this.#presence(frame);
    if (type === "x_journey") return this.emit("journey", frame as unknown as Journey);
    if (type === "x_gap") {
      const gap = frame as unknown as Gap;
      this.#offsets.gap(gap.channel, gap.head);
      return this.emit("gap", gap);
    }
    const { x_off: offset, x_chan: chan = frame["channel"] } = frame;
    if (typeof offset !== "number" || typeof chan !== "string") return;
    if (!this.#offsets.take(chan, offset)) return;
    if (type === "message" && frame["user"] === this.#self && this.#outbox.shown(frame)) return;
    if (type === "message") this.emit("message", frame as unknown as MessageEvent);
    else if (type === "reaction_added" || type === "reaction_removed") this.emit("reaction", frame as unknown as Reaction);
    else this.emit("event", frame as unknown as StoredEvent);
  }

  #presence(frame: Frame): void {
    const { presence, user, users = [user] } = frame as { presence: Presence["presence"]; user?: string; users?: readonly (string | undefined)[] };
    for (const one of users) if (one !== undefined) this.emit("presence", { user: one, presence });
  }

  #over(connection: Connection, why: string, era: number): void {
    if (connection === this.#live) {
      this.#live = undefined;
      if (Date.now() - this.#liveSince >= steadyMs) this.#backoff.reset();
      if (this.#next !== undefined) this.#tell({ phase: "connecting" });
    } else if (connection !== this.#next) return this.#outbox.lost(connection);
    if (connection === this.#next) {
      this.#next = undefined;
      this.#failed(new Error(why), era);
    } else {
      this.#outbox.lost(connection);
      clearTimeout(this.#timer);
      if (this.#next === undefined && era === this.#era) this.#again(why, this.#backoff.next());
    }
  }

  #failed(error: Error, era: number): void {
    if (error instanceof RingwayError && fatal.has(error.code)) {
      this.close();
      return this.#tell({ phase: "closed", why: error.code });
    }
    if (era === this.#era) this.#again(error.message, this.#backoff.next(error instanceof RingwayError ? error.retryAfterMs : undefined));
  }

  #again(why: string, afterMs: number): void {
    const era = this.#era;
    if (this.#live === undefined) this.#tell({ phase: "waiting", why, againMs: afterMs });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#open(era), afterMs);
  }

  #tell(state: State): void {
    this.#state = state;
    this.emit("state", state);
  }
}
