/**
 * Messages that have no ack yet. Each goes out again, with the same `client_msg_id`, until it has one: it is stored once. Those of a channel leave in the order of
 * their sending, and none goes out over one connection while an earlier one of its channel is under way over another, or waits to be tried again.
 */
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

/** A connection, as far as this is concerned. */
export interface Sender {
  send(frame: Frame): void;
}

interface Waiting {
  readonly key: string;
  readonly channel: string;
  readonly frame: Frame;
  readonly sent: Promise<Sent>;
  readonly resolve: (sent: Sent) => void;
  readonly reject: (error: RingwayError) => void;
  /** number of the frame that carried it last, 0 = it is not under way; and over which connection that went */
  id: number;
  via: Sender | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** Refused for now; anything else is refused for good. */
const later = new Set(["rate_limited", "store_unavailable", "unavailable"]);
const againMs = 500;
/** A gateway closes a socket on a frame of more than 64 KiB; what would be sent again and again is refused here. The rest is for the `id`. */
const frameBytesMost = 64 * 1_024 - 32;
const encoder = new TextEncoder();
/** Somewhat less than a gateway lets a session have waiting. */
const underWayMost = 200;

export class Outbox {
  readonly #max: number;
  /** the connection that messages go over now */
  readonly #live: () => Sender | undefined;
  /** by key, in the order of their sending */
  readonly #waiting = new Map<string, Waiting>();
  readonly #underWay = new Map<number, Waiting>();
  #lastId = 0;
  #closed = false;

  /** @param max messages that wait; one more is refused with `queue_full` */
  constructor(max: number, live: () => Sender | undefined) {
    this.#max = max;
    this.#live = live;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** After `close`: messages are taken again. */
  open(): void {
    this.#closed = false;
  }

  /** @returns rejects with `closed`, `queue_full`, `msg_too_long`, or what it was refused with; a key that waits already is that message */
  add(channel: string, fields: Frame, key: string): Promise<Sent> {
    const known = this.#waiting.get(key);
    if (known !== undefined) return known.sent;
    if (this.#closed) return Promise.reject(new RingwayError("closed"));
    if (this.#waiting.size >= this.#max) return Promise.reject(new RingwayError("queue_full"));
    const frame = { ...fields, type: "message", channel, client_msg_id: key };
    if (encoder.encode(JSON.stringify(frame)).length > frameBytesMost) return Promise.reject(new RingwayError("msg_too_long"));
    const { promise, resolve, reject } = Promise.withResolvers<Sent>();
    this.#waiting.set(key, { key, channel, frame, sent: promise, resolve, reject, id: 0, via: undefined, timer: undefined });
    this.flush();
    return promise;
  }

  /** Sends what may go out now. */
  flush(): void {
    const live = this.#live();
    if (live === undefined) return;
    /** channels in which an earlier one holds the others up */
    const held = new Set<string>();
    for (const one of this.#waiting.values()) {
      if (this.#underWay.size >= underWayMost) return;
      if (held.has(one.channel)) continue;
      if (one.timer !== undefined || (one.id !== 0 && one.via !== live)) held.add(one.channel);
      else if (one.id === 0) this.#send(one, live);
    }
  }

  /** A connection is gone: what was under way on it may be stored or not, and goes out again. */
  lost(via: Sender): void {
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
    if (frame["ok"] === true) return this.#done(one, { channel: one.channel, ts: String(frame["ts"]), offset: Number(frame["x_off"]), key: one.key });
    const reason = String(frame["x_reason"] ?? "refused");
    const afterMs = typeof frame["x_retry_after_ms"] === "number" ? frame["x_retry_after_ms"] : undefined;
    if (later.has(reason)) {
      one.timer = setTimeout(() => {
        one.timer = undefined;
        this.flush();
      }, afterMs ?? againMs);
    } else {
      this.#waiting.delete(one.key);
      one.reject(new RingwayError(reason, afterMs, String((frame["error"] as { msg?: unknown } | undefined)?.msg ?? "")));
      this.flush();
    }
    return undefined;
  }

  /** An event shows one of these messages, whose ack was lost: it is stored. @returns whether it is one */
  shown(event: Frame): boolean {
    const one = this.#waiting.get(String(event["client_msg_id"]));
    if (one === undefined || one.channel !== event["channel"]) return false;
    if (one.id !== 0) this.#underWay.delete(one.id);
    clearTimeout(one.timer);
    this.#done(one, { channel: one.channel, ts: String(event["ts"]), offset: Number(event["x_off"]), key: one.key });
    return true;
  }

  close(): void {
    this.#closed = true;
    for (const one of this.#waiting.values()) {
      clearTimeout(one.timer);
      one.reject(new RingwayError("closed"));
    }
    this.#waiting.clear();
    this.#underWay.clear();
  }

  #done(one: Waiting, sent: Sent): Sent {
    this.#waiting.delete(one.key);
    one.resolve(sent);
    this.flush();
    return sent;
  }

  #send(one: Waiting, via: Sender): void {
    one.id = ++this.#lastId;
    one.via = via;
    this.#underWay.set(one.id, one);
    via.send({ ...one.frame, id: one.id });
  }
}
