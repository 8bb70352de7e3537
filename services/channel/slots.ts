import { limits } from "../protocol/limits.ts";
import type { Reason } from "../protocol/problems.ts";
import { Channel, type Host } from "./channel.ts";
import { Ownership, verdictMs } from "./ownership.ts";

/** Channels without subscribers and work that stay loaded. */
const idleChannelsMax = 10_000;
/** Slots that one patrol checks. */
const patrolSlots = 1_024;

/** Something that is done at the channel's owner, or refused. */
export interface Errand {
  readonly slot: number;
  readonly channel: string;
  /** the slot is held here */
  run(channel: Channel): void;
  refuse(reason: Reason, detail: string): void;
}

interface Slot {
  readonly number: number;
  phase: "probing" | "claiming" | "held" | "leaving";
  fence: number;
  /** gone servers that come before this one; none for the owner by topology */
  ahead: readonly string[];
  readonly waiting: Errand[];
  readonly channels: Map<string, Channel>;
}

/** The slots that this server holds, or is about to: probes, claims, and hands them over when they are another's. */
export class Slots {
  readonly #host: Host;
  readonly #ownership: Ownership;
  readonly #slots = new Map<number, Slot>();
  /** the slots that are held because the servers ahead are gone */
  readonly #takenOver = new Set<Slot>();
  /** channels nobody needs just now, the longest unused first */
  readonly #idle = new Map<string, Channel>();
  /** where the patrol goes on */
  #beat: Iterator<Slot, undefined> = this.#slots.values();
  /** the patrol's check that is under way */
  #patrol: number | undefined;
  #stopping = false;

  constructor(host: Host, ownership: Ownership) {
    this.#host = host;
    this.#ownership = ownership;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** slots that are held because the servers ahead are gone */
  get takenOver(): number {
    return this.#takenOver.size;
  }

  /** when the servers ahead have to be probed again, ms; undefined where nothing was taken over */
  recheckAt(now: number): number | undefined {
    return this.#takenOver.size === 0 ? undefined : now + verdictMs;
  }

  /** The channel, where it is loaded here. */
  channel(slot: number, id: string): Channel | undefined {
    return this.#slots.get(slot)?.channels.get(id);
  }

  *channels(): Iterable<Channel> {
    for (const slot of this.#slots.values()) yield* slot.channels.values();
  }

  /** Runs the errand at its channel, after a claim where there was none yet; or refuses it. */
  route(errand: Errand, now: number): void {
    if (this.#stopping) return errand.refuse("misdirected", "this server is stopping");
    if (!this.#ownership.known) return errand.refuse("ring_unavailable", "");
    const slot = this.#slots.get(errand.slot);
    if (slot === undefined) return this.#open(errand, now);
    if (slot.phase === "held") return this.#run(slot, errand);
    if (slot.phase === "leaving") return errand.refuse("misdirected", "");
    if (slot.waiting.length >= limits.channelPendingAppends) return errand.refuse("rate_limited", "the slot is being claimed");
    slot.waiting.push(errand);
  }

  claimed(number: number, fence: number | undefined): void {
    const slot = this.#slots.get(number);
    if (slot?.phase !== "claiming") return;
    if (fence === undefined) return this.#giveUp(slot, "store_unavailable");
    const ahead = this.#ownership.retained(number);
    if (ahead === undefined || this.#stopping) return this.#giveUp(slot, "misdirected");
    slot.phase = "held";
    slot.fence = fence;
    slot.ahead = ahead;
    if (ahead.length > 0) this.#takenOver.add(slot);
    for (const errand of slot.waiting.splice(0)) this.#run(slot, errand);
  }

  /** There is news of servers ahead: slots that waited for it go on, slots that were taken from one that lives go back. */
  heard(now: number): void {
    for (const slot of [...this.#slots.values()]) if (slot.phase === "probing") this.#decide(slot, now);
    for (const slot of [...this.#takenOver]) if (!slot.ahead.every((server) => this.#ownership.isGone(server))) this.#leave(slot);
  }

  recheck(now: number): void {
    for (const slot of this.#takenOver) this.#ownership.recheck(slot.number, now);
  }

  /** The topology has changed. */
  review(now: number): void {
    for (const slot of [...this.#slots.values()]) {
      if (slot.phase === "probing") this.#decide(slot, now);
      if (slot.phase !== "held") continue;
      const ahead = this.#ownership.retained(slot.number);
      if (ahead === undefined) this.#leave(slot);
      else this.#hold(slot, ahead);
    }
  }

  /** A channel doubts that the slot is still held: asks the store. @returns the check's number */
  doubt(number: number): number {
    return this.#check([number]);
  }

  /**
   * Asks the store about the next of the slots that are held. Another server may have claimed one, rightly or not, and
   * be silent since: without an append this server would not learn it, and its subscribers would wait in vain.
   */
  patrol(): void {
    if (this.#patrol !== undefined) return;
    const slots: number[] = [];
    for (let left = Math.min(this.#slots.size, patrolSlots); left > 0; left--) {
      let next = this.#beat.next();
      if (next.done === true) {
        this.#beat = this.#slots.values();
        next = this.#beat.next();
      }
      if (next.value?.phase === "held") slots.push(next.value.number);
    }
    if (slots.length > 0) this.#patrol = this.#check(slots);
  }

  checked(check: number, slots: readonly number[], fences: ReadonlyMap<number, number> | undefined, now: number): void {
    if (check === this.#patrol) this.#patrol = undefined;
    for (const number of slots) {
      const slot = this.#slots.get(number);
      if (slot?.phase !== "held") continue;
      const fence = fences?.get(number);
      // Below: the answer is older than a claim of this server's own.
      if (fence !== undefined && fence > slot.fence) this.fenced(number, now);
      else for (const channel of slot.channels.values()) channel.confirm(check, fence);
    }
  }

  #check(slots: readonly number[]): number {
    const check = this.#host.nextId();
    this.#host.emit({ type: "check", check, slots });
    return check;
  }

  /** An append found a newer fence: the slot is another's. */
  fenced(number: number, now: number): void {
    this.#ownership.lost(number, now);
    const slot = this.#slots.get(number);
    if (slot?.phase === "held") this.#leave(slot);
  }

  /** Hands everything over and takes nothing new; done when `size` is 0. */
  stop(): void {
    this.#stopping = true;
    for (const slot of [...this.#slots.values()]) {
      if (slot.phase === "held") this.#leave(slot);
      else if (slot.phase !== "leaving") this.#giveUp(slot, "misdirected");
    }
  }

  /** Something changed at the channel: keeps the lists of idle and of leaving ones. */
  settle(channel: Channel): void {
    const slot = this.#slots.get(channel.slot);
    if (slot === undefined || slot.channels.get(channel.id) !== channel) return;
    if (slot.phase === "leaving") return this.#finish(slot);
    this.#idle.delete(channel.id);
    if (channel.idle) this.#idle.set(channel.id, channel);
    if (this.#idle.size <= idleChannelsMax) return;
    const [oldest] = this.#idle.values();
    this.forget(oldest!);
  }

  /** Unloads a channel; its next errand loads it again. */
  forget(channel: Channel): void {
    this.#idle.delete(channel.id);
    this.#slots.get(channel.slot)?.channels.delete(channel.id);
  }

  #open(errand: Errand, now: number): void {
    const slot: Slot = { number: errand.slot, phase: "probing", fence: 0, ahead: [], waiting: [errand], channels: new Map() };
    this.#slots.set(slot.number, slot);
    this.#decide(slot, now);
  }

  #decide(slot: Slot, now: number): void {
    const decision = this.#ownership.decide(slot.number, now);
    if (decision.type === "other") return this.#giveUp(slot, "misdirected");
    if (decision.type === "probing") return;
    slot.phase = "claiming";
    this.#host.emit({ type: "claim", slot: slot.number });
  }

  #hold(slot: Slot, ahead: readonly string[]): void {
    slot.ahead = ahead;
    if (ahead.length > 0) this.#takenOver.add(slot);
    else this.#takenOver.delete(slot);
  }

  #run(slot: Slot, errand: Errand): void {
    let channel = slot.channels.get(errand.channel);
    if (channel === undefined) {
      channel = new Channel(errand.channel, slot.number, slot.fence, this.#host);
      slot.channels.set(channel.id, channel);
    }
    errand.run(channel);
  }

  #giveUp(slot: Slot, reason: Reason): void {
    this.#slots.delete(slot.number);
    for (const errand of slot.waiting) errand.refuse(reason, "");
  }

  #leave(slot: Slot): void {
    slot.phase = "leaving";
    this.#takenOver.delete(slot);
    for (const channel of slot.channels.values()) {
      this.#idle.delete(channel.id);
      channel.leave();
    }
    this.#finish(slot);
  }

  /** Lets go of the channels that have nothing on its way any more, and of the slot after the last one. */
  #finish(slot: Slot): void {
    for (const channel of slot.channels.values()) {
      if (!channel.quiet) continue;
      slot.channels.delete(channel.id);
      for (const sub of [...channel.subscriptions]) {
        channel.unsubscribe(sub);
        this.#host.moved(sub);
      }
    }
    if (slot.channels.size === 0) this.#slots.delete(slot.number);
  }
}
