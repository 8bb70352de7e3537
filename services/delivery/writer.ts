/**
 * A writer: its messages are due at a fixed rate, whatever the plane does. One without an ack is sent again with the same key until it has
 * one, as the documentation asks. Every second writer sends over a socket, the others by the Web API, unless the plan has sockets only.
 */
import { Client, type Frame } from "./client.ts";
import type { Connection } from "./connection.ts";
import { textOf, type Happened, type Plan } from "./happened.ts";
import { callApi } from "./web-api.ts";

/** Messages of one writer that are under way at once; what is due beyond is held back. */
const window = 64;
/** The pause before a refused message is sent again: doubles with each refusal. A plane that can take nothing is not to be asked by everybody all the time. */
const refusedAgain = { leastMs: 50, mostMs: 1_000 };
const lookEveryMs = 5;
/** A socket that owes an answer so long will not give it any more: the plane itself gives up after 10 s. */
const answerWithinMs = 12_000;

interface Pending {
  readonly channel: string;
  readonly key: string;
  readonly since: number;
}

export class Writer {
  readonly #number: number;
  readonly #plan: Plan;
  readonly #token: string;
  readonly #name: string;
  readonly #nextChannel: () => string;
  readonly #note: (event: Happened) => void;
  readonly #client: Client | undefined;
  /** on the socket: by the number that the answer names */
  readonly #answers = new Map<number, { readonly via: Connection; readonly answer: (frame: Frame | undefined) => void }>();
  readonly #pending = new Set<Pending>();
  #lastId = 0;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param name unique among all runs; keys begin with it
   * @param nextChannel where the next message goes
   */
  constructor(number: number, plan: Plan, name: string, nextChannel: () => string, note: (event: Happened) => void) {
    this.#number = number;
    this.#plan = plan;
    this.#token = plan.tokens[number % plan.tokens.length]!;
    this.#name = name;
    this.#nextChannel = nextChannel;
    this.#note = note;
    if (number % 2 === 0 && plan.socketsOnly !== true) return;
    this.#client = new Client(plan.api, this.#token, {
      offsets: () => ({}),
      connected: () => {},
      lost: (_, connection) => {
        for (const { via, answer } of [...this.#answers.values()]) if (via === connection) answer(undefined);
      },
      frame: (frame) => {
        if (typeof frame["reply_to"] === "number") this.#answers.get(frame["reply_to"])?.answer(frame);
      },
      idle: (connection) => [...this.#answers.values()].every(({ via }) => via !== connection),
    });
  }

  get isOpen(): boolean {
    return this.#client?.isOpen ?? true;
  }

  /** Connects, where it needs to. */
  start(): void {
    this.#client?.start();
  }

  /** Begins to send. */
  send(): void {
    const everyMs = 1_000 / this.#plan.rate;
    const beganAt = performance.now() + (everyMs * this.#number) / this.#plan.writers;
    this.#timer = setInterval(() => {
      for (let due; (due = beganAt + this.#count * everyMs) <= performance.now() && this.#pending.size < window; ) void this.#post(due);
    }, Math.min(lookEveryMs, everyMs));
  }

  /** No further message. */
  halt(): void {
    clearInterval(this.#timer);
  }

  /** Whether every message was acked or given up. */
  get isIdle(): boolean {
    return this.#pending.size === 0;
  }

  async stop(): Promise<void> {
    this.halt();
    await this.#client?.stop();
  }

  async #post(due: number): Promise<void> {
    const at = performance.now();
    const message: Pending = { channel: this.#nextChannel(), key: `${this.#name}-${this.#count++}`, since: at };
    const { channel, key } = message;
    this.#pending.add(message);
    this.#note({ at, type: "sent", writer: this.#number, channel, key, due });
    for (let refusals = 0; ; ) {
      let againMs = lookEveryMs;
      try {
        const { ts, off } = await (this.#client === undefined ? this.#byApi(message) : this.#bySocket(this.#client, message));
        this.#note({ at: performance.now(), type: "acked", key, ts, ...(off === undefined ? {} : { off }) });
        break;
      } catch (error) {
        if (!(error instanceof NotConnected)) {
          againMs = Math.min(refusedAgain.leastMs * 2 ** refusals++, refusedAgain.mostMs);
          this.#note({ at: performance.now(), type: "refused", key, reason: (error as Error).message });
        }
      }
      if (performance.now() - message.since > this.#plan.patienceMs) {
        this.#note({ at: performance.now(), type: "gaveUp", key });
        break;
      }
      await new Promise((done) => setTimeout(done, againMs));
    }
    this.#pending.delete(message);
  }

  async #byApi({ channel, key }: Pending): Promise<{ ts: string; off?: number }> {
    const { ts } = await callApi(this.#plan.api, this.#token, "chat.postMessage", { channel, text: textOf(key), client_msg_id: key });
    return { ts: String(ts) };
  }

  async #bySocket(client: Client, { channel, key }: Pending): Promise<{ ts: string; off: number }> {
    const id = ++this.#lastId;
    const via = client.send({ type: "message", id, channel, text: textOf(key), client_msg_id: key });
    if (via === undefined) throw new NotConnected();
    const frame = await new Promise<Frame | undefined>((resolve) => {
      const timer = setTimeout(resolve, answerWithinMs, { ok: false, x_reason: "no_answer" });
      this.#answers.set(id, {
        via,
        answer: (frame) => {
          clearTimeout(timer);
          resolve(frame);
        },
      });
    });
    this.#answers.delete(id);
    if (frame === undefined) throw new Error("socket_lost");
    if (frame["ok"] !== true) throw new Error(String(frame["x_reason"] ?? "error"));
    return { ts: String(frame["ts"]), off: Number(frame["x_off"]) };
  }
}

/** It was not even sent: no answer of the plane's, and nothing to write down. */
class NotConnected extends Error {}
