/** Messages that have no ack yet, in the order of their sending. Each goes out again, with the same `client_msg_id`, until it has one: it is stored once. */
import { RingwayError } from "./errors.ts";
import type { Frame } from "./events.ts";

/** What became of a message. */
export interface Sent {
  readonly channel: string;
  readonly ts: string;
  /** its place among the channel's events */
  readonly offset: number;
  readonly key: string;
}

interface Waiting {
  readonly key: string;
  readonly channel: string;
  readonly frame: Frame;
  readonly resolve: (sent: Sent) => void;
  readonly reject: (error: RingwayError) => void;
  /** number of the frame that carried it last, 0 = it is not under way; and over which connection that went */
  id: number;
  via: object | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** Refused for now; anything else is refused for good. */
const later = new Set(["rate_limited", "store_unavailable", "unavailable"]);
const againMs = 500;

export class Outbox {
  readonly #max: number;
  /** @returns the connection, undefined where there is none */
  readonly #write: (frame: Frame) => object | undefined;
  readonly #waiting = new Map<string, Waiting>();
  readonly #underWay = new Map<number, Waiting>();
  #lastId = 0;

  /** @param max messages that wait; one more is refused with `queue_full` */
  constructor(max: number, write: (frame: Frame) => object | undefined) {
    this.#max = max;
    this.#write = write;
  }

  get size(): number {
    return this.#waiting.size;
  }

  add(channel: string, fields: Frame, key: string): Promise<Sent> {
    if (this.#waiting.size >= this.#max) return Promise.reject(new RingwayError("queue_full"));
    return new Promise((resolve, reject) => {
      const one: Waiting = { key, channel, frame: { ...fields, type: "message", channel, client_msg_id: key }, resolve, reject, id: 0, via: undefined, timer: undefined };
      this.#waiting.set(key, one);
      this.#send(one);
    });
  }

  /** A connection is there: all that waits goes out, in order. */
  flush(): void {
    for (const one of this.#waiting.values()) if (one.id === 0 && one.timer === undefined) this.#send(one);
  }

  /** A connection is gone: what was under way on it may be stored or not, and goes out again. */
  lost(via: object): void {
    for (const one of this.#waiting.values()) {
      if (one.via !== via) continue;
      this.#underWay.delete(one.id);
      one.id = 0;
      one.via = undefined;
    }
    this.flush();
  }

  /** @returns what was sent; undefined where the reply is not to one of these, or refuses it */
  reply(frame: Frame): Sent | undefined {
    const one = this.#underWay.get(Number(frame["reply_to"]));
    if (one === undefined) return undefined;
    this.#underWay.delete(one.id);
    one.id = 0;
    one.via = undefined;
    if (frame["ok"] === true) {
      this.#waiting.delete(one.key);
      const sent = { channel: one.channel, ts: String(frame["ts"]), offset: Number(frame["x_off"]), key: one.key };
      one.resolve(sent);
      return sent;
    }
    const reason = String(frame["x_reason"] ?? "refused");
    const afterMs = typeof frame["x_retry_after_ms"] === "number" ? frame["x_retry_after_ms"] : undefined;
    if (later.has(reason)) {
      one.timer = setTimeout(() => {
        one.timer = undefined;
        this.#send(one);
      }, afterMs ?? againMs);
    } else {
      this.#waiting.delete(one.key);
      one.reject(new RingwayError(reason, afterMs, String((frame["error"] as { msg?: unknown } | undefined)?.msg ?? "")));
    }
    return undefined;
  }

  close(): void {
    for (const one of this.#waiting.values()) {
      clearTimeout(one.timer);
      one.reject(new RingwayError("closed"));
    }
    this.#waiting.clear();
    this.#underWay.clear();
  }

  #send(one: Waiting): void {
    const id = ++this.#lastId;
    one.via = this.#write({ ...one.frame, id });
    if (one.via === undefined) return;
    one.id = id;
    this.#underWay.set(id, one);
  }
}
