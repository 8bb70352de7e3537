/** How long the plane kept people waiting, read off a log. */
import type { Happened } from "./happened.ts";

export interface Stalls {
  /** longest time from when a message was due until its ack; refusals and repeats included */
  readonly publishMs: number;
  /** longest time from a message's ack until a reader had it; a reader's reconnect included */
  readonly deliveryMs: number;
  /** longest time from when a message was due until the last reader had it: both together */
  readonly endToEndMs: number;
  /** answers that were no ack, by reason */
  readonly refused: Readonly<Record<string, number>>;
}

interface Message {
  readonly due: number;
  ackedAt?: number;
  gaveUpAt?: number;
  shown: number;
  lastShownAt: number;
}

/** A log that is asked for stalls again and again, while it grows. */
export class Timeline {
  readonly #happened: readonly Happened[];
  readonly #readers: number;
  readonly #messages = new Map<string, Message>();
  readonly #refused: { readonly at: number; readonly reason: string }[] = [];
  #read = 0;

  /** @param readers how many have to get each message */
  constructor(happened: readonly Happened[], readers: number) {
    this.#happened = happened;
    this.#readers = readers;
  }

  /**
   * What happened between `from` and `to`: of messages that were due before `to` and were not through at `from`. Waiting counts from
   * `from` on. What is not through at the log's end counts as if it were then.
   */
  between(from: number, to: number): Stalls {
    this.#catchUp();
    const end = this.#happened.at(-1)?.at ?? to;
    let [publishMs, deliveryMs, endToEndMs] = [0, 0, 0];
    for (const { due, ackedAt, gaveUpAt, shown, lastShownAt } of this.#messages.values()) {
      if (due >= to) continue;
      const began = Math.max(due, from);
      const answered = ackedAt ?? gaveUpAt ?? end;
      if (answered >= from) publishMs = Math.max(publishMs, answered - began);
      if (ackedAt === undefined) continue;
      const through = shown >= this.#readers ? lastShownAt : end;
      if (through < from) continue;
      deliveryMs = Math.max(deliveryMs, through - Math.max(ackedAt, from));
      endToEndMs = Math.max(endToEndMs, through - began);
    }
    const refused: Record<string, number> = {};
    for (const { at, reason } of this.#refused) if (at >= from && at < to) refused[reason] = (refused[reason] ?? 0) + 1;
    return { publishMs, deliveryMs, endToEndMs, refused };
  }

  /** When the oldest message was due, of those due since `since`, that is not through yet: without an ack, or missing at a reader. */
  oldestWaiting(since: number): number | undefined {
    this.#catchUp();
    let oldest: number | undefined;
    for (const { due, ackedAt, gaveUpAt, shown } of this.#messages.values()) {
      const isThrough = ackedAt === undefined ? gaveUpAt !== undefined : shown >= this.#readers;
      if (!isThrough && due >= since) oldest = Math.min(oldest ?? due, due);
    }
    return oldest;
  }

  #catchUp(): void {
    for (; this.#read < this.#happened.length; this.#read++) {
      const event = this.#happened[this.#read]!;
      if (event.type === "sent") this.#messages.set(event.key, { due: event.due, shown: 0, lastShownAt: 0 });
      if (event.type === "refused") this.#refused.push(event);
      const message = "key" in event && event.key !== undefined ? this.#messages.get(event.key) : undefined;
      if (message === undefined) continue;
      if (event.type === "acked") message.ackedAt ??= event.at;
      if (event.type === "gaveUp") message.gaveUpAt ??= event.at;
      if (event.type === "shown" || event.type === "fetched") {
        message.shown++;
        message.lastShownAt = event.at;
      }
    }
  }
}
