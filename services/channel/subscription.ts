import { noHops, type Hops } from "../protocol/link.ts";
import type { Entry } from "../store/log.ts";
import { limits } from "../protocol/limits.ts";
import type { Emit } from "./events.ts";

/**
 * One gateway's view of one channel. It is `waiting` until the channel is loaded, then `replaying` from the store by
 * batches, and `live` once it has seen everything that is durable: no queue, no gap, no duplicate.
 */
export class Subscription {
  readonly id: number;
  readonly link: number;
  readonly chan: number;
  readonly channel: string;
  state: "waiting" | "replaying" | "live" = "waiting";
  /** the last offset that was sent */
  #sent: number;
  readonly #emit: Emit;

  /** @param after the last offset that the gateway has */
  constructor(id: number, link: number, chan: number, channel: string, after: number, emit: Emit) {
    this.id = id;
    this.link = link;
    this.chan = chan;
    this.channel = channel;
    this.#sent = after;
    this.#emit = emit;
  }

  /** the last offset that the gateway has, before `begin` */
  get wanted(): number {
    return this.#sent;
  }

  /** The channel is here and durable up to `head`. */
  begin(head: number): void {
    // A gateway that far behind tells its clients of a gap instead of filling all of it.
    this.#sent = Math.max(Math.min(this.#sent, head), head - limits.resumeEvents);
    this.#begun(head);
    this.catchUp(head);
  }

  /** What is durable went on to `head` without this subscription being told. */
  catchUp(head: number): void {
    if (this.state === "replaying") return;
    this.#advance(head);
  }

  /** @returns false where the store lacks what it said to have */
  replayed(entries: readonly Entry[], head: number): boolean {
    const before = this.#sent;
    const [first] = entries;
    if (first !== undefined && first.offset > before + 1 && before < head) {
      // Those in between are not kept any more.
      this.#sent = Math.min(first.offset - 1, head);
      this.#begun(head);
    }
    for (const entry of entries) {
      // The store may show what is committed and not durable yet; that comes when its append is done.
      if (entry.offset === this.#sent + 1 && entry.offset <= head) this.#send(entry, noHops);
    }
    if (this.#sent === before && before < head) return false;
    this.#advance(head);
    return true;
  }

  /** The store did not give what was asked of it: asks once more. */
  again(head: number): void {
    this.#advance(head);
  }

  /** A new durable entry. */
  deliver(entry: Entry, hops: Hops): void {
    if (this.state === "live") this.#send(entry, hops);
  }

  #begun(head: number): void {
    this.#emit({ type: "send", link: this.link, frame: { type: "subscribed", chan: this.chan, head, first: this.#sent + 1 } });
  }

  #advance(head: number): void {
    this.state = this.#sent >= head ? "live" : "replaying";
    if (this.state === "replaying") {
      this.#emit({ type: "replay", link: this.link, sub: this.id, channel: this.channel, after: this.#sent, limit: limits.batchEvents });
    }
  }

  #send({ offset, origin, kind, payload }: Entry, { taken, received, stored, trace }: Hops): void {
    this.#sent = offset;
    this.#emit({ type: "send", link: this.link, frame: { type: "event", chan: this.chan, offset, origin, kind, taken, received, stored, trace, payload } });
  }
}
