import { limits } from "../protocol/limits.ts";
import type { Reason } from "../protocol/problems.ts";
import { Channel } from "./channel.ts";
import type { Host } from "./host.ts";
import type { Released } from "./events.ts";
import { Ownership, verdictMs } from "./ownership.ts";
import { Releases } from "./releases.ts";

/** When idle channels are too many, so much of them stays. */
const idleShare = 0.9;
/** How long the channels of a slot wait for each other's appends before it is handed over, ms. */
const leaveMs = 250;
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
  /** leaving: what is on its way lands; releasing: the next owner is told */
  phase: "probing" | "claiming" | "held" | "leaving" | "releasing";
  fence: number;
  /** gone servers that come before this one; none for the owner by topology */
  ahead: readonly string[];
  /** while it leaves: when to stop waiting for what is on its way, ms */
  leaveBy: number;
  /** another server has it, or what is on its way takes too long: channels go one by one, to whoever comes */
  hurried: boolean;
  readonly waiting: Errand[];
  readonly channels: Map<string, Channel>;
}

/**
 * The slots that this server holds, or is about to: probes, claims, and hands them over when they are another's. A slot is
 * handed over warm: what has an offset lands, the next owner claims and loads, and only then everybody is sent there.
 */
export class Slots {
  readonly #host: Host;
  readonly #ownership: Ownership;
  readonly #slots = new Map<number, Slot>();
  /** the slots that are held because the servers ahead are gone */
  readonly #takenOver = new Set<Slot>();
  readonly #idleMax: number;
  /** channels nobody needs just now, the longest unused first */
  readonly #idle = new Map<string, Channel>();
  readonly #releases: Releases<Slot>;
  /** the slots that are on their way to another server */
  readonly #leaving = new Set<Slot>();
  /** channels that were handed to this server and are not served yet */
  #arriving = 0;
  /** channels that doubt whether their slot is still held */
  readonly #doubting = new Set<Channel>();
  /** where the patrol goes on */
  #beat: Iterator<Slot, undefined> = this.#slots.values();
  /** the patrol's check that is under way */
  #patrol: number | undefined;
  #stopping = false;

  constructor(host: Host, ownership: Ownership, idleMax: number) {
    this.#host = host;
    this.#ownership = ownership;
    this.#idleMax = idleMax;
    this.#releases = new Releases(host);
  }

  get size(): number {
    return this.#slots.size;
  }

  /** Whether slots are on their way, to this server or from it. */
  get moving(): boolean {
    return this.#leaving.size > 0 || this.#arriving > 0;
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

  /** how many are loaded */
  get channels(): number {
    let count = 0;
    for (const { channels } of this.#slots.values()) count += channels.size;
    return count;
  }

  /** Runs the errand at its channel, after a claim where there was none yet; or refuses it. */
  route(errand: Errand, now: number): void {
    if (this.#stopping) return errand.refuse("misdirected", "this server is stopping");
    if (!this.#ownership.known) return errand.refuse("ring_unavailable", "");
    const slot = this.#slots.get(errand.slot);
    if (slot === undefined) return this.#open(errand, now);
    if (slot.phase === "held") return this.#run(slot, errand);
    const leaves = slot.phase === "leaving" || slot.phase === "releasing";
    if (leaves && (slot.hurried || slot.waiting.length >= limits.channelPendingAppends)) return errand.refuse("misdirected", "");
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
    for (const slot of [...this.#takenOver]) if (!slot.ahead.every((server) => this.#ownership.isGone(server))) this.#handOver(slot, now);
  }

  /** Another server hands slots over: claims and loads what somebody needs of them. @param done when all is served here, or refused */
  released(epoch: number, list: readonly Released[], done: () => void, now: number): void {
    let left = 1;
    const settled = (): void => {
      if (--left === 0) done();
    };
    const arrived = (): void => {
      this.#arriving--;
      settled();
    };
    for (const [slot, channels] of list) {
      this.#ownership.grant(slot, epoch);
      for (const channel of channels) {
        left++;
        this.#arriving++;
        this.route({ slot, channel, run: arrived, refuse: arrived }, now);
      }
    }
    settled();
  }

  /** What was offered to the next owner is settled. */
  handedOver(release: number): void {
    for (const slot of this.#releases.take(release)) this.#end(slot);
  }

  /** Tells the next owners of all slots that are ready to go; called once per event. */
  flush(): void {
    this.#releases.flush(this.#ownership.epoch + (this.#stopping ? 1 : 0));
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
      if (ahead === undefined) this.#handOver(slot, now);
      else this.#hold(slot, ahead);
    }
  }

  /** A channel doubts that the slot is still held: asks the store. @returns the check's number */
  doubt(channel: Channel): number {
    this.#doubting.add(channel);
    return this.#check([channel.slot]);
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
      const fence = fences?.get(number);
      // Below: the answer is older than a claim of this server's own.
      if (slot?.phase === "held" && fence !== undefined && fence > slot.fence) this.fenced(number, now);
    }
    for (const channel of this.#doubting) {
      if (slots.includes(channel.slot) && this.#slots.get(channel.slot)?.phase === "held") this.#confirm(channel, check, fences?.get(channel.slot));
    }
  }

  #confirm(channel: Channel, check: number, fence: number | undefined): void {
    if (!channel.confirm(check, fence)) this.#doubting.delete(channel);
    this.#host.touch(channel);
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
    if (slot?.phase === "held") this.#startLeaving(slot, now);
    if (slot?.phase === "releasing") this.#end(slot);
    else if (slot?.phase === "leaving") this.#hurry(slot);
  }

  /** when `hurry` has something to do, ms */
  leaveAt(): number | undefined {
    for (const slot of this.#leaving) if (slot.phase === "leaving" && !slot.hurried) return slot.leaveBy;
    return undefined;
  }

  /** Waits no longer for appends that take too long. */
  hurry(now: number): void {
    for (const slot of this.#leaving) if (slot.phase === "leaving" && slot.leaveBy <= now) this.#hurry(slot);
  }

  /** Hands everything over and takes nothing new; done when `size` is 0. */
  stop(now: number): void {
    this.#stopping = true;
    for (const slot of [...this.#slots.values()]) {
      if (slot.phase === "held") this.#handOver(slot, now);
      else if (slot.phase === "probing" || slot.phase === "claiming") this.#giveUp(slot, "misdirected");
    }
  }

  /** Something changed at the channel: keeps the lists of idle and of leaving ones. */
  settle(channel: Channel): void {
    const slot = this.#slots.get(channel.slot);
    if (slot === undefined || slot.channels.get(channel.id) !== channel) return;
    if (slot.phase === "leaving") return this.#finish(slot);
    this.#idle.delete(channel.id);
    if (channel.idle) this.#idle.set(channel.id, channel);
    if (this.#idle.size <= this.#idleMax) return;
    // Many at once: a map keeps the places of its deleted entries for a while, and the way to the oldest leads over them.
    for (const oldest of this.#idle.values()) {
      if (this.#idle.size <= this.#idleMax * idleShare) break;
      this.forget(oldest);
    }
  }

  /** Unloads a channel; its next errand loads it again. */
  forget(channel: Channel): void {
    this.#idle.delete(channel.id);
    this.#doubting.delete(channel);
    this.#slots.get(channel.slot)?.channels.delete(channel.id);
  }

  #open(errand: Errand, now: number): void {
    const slot: Slot = { number: errand.slot, phase: "probing", fence: 0, ahead: [], leaveBy: Infinity, hurried: false, waiting: [errand], channels: new Map() };
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

  #handOver(slot: Slot, now: number): void {
    this.#startLeaving(slot, now);
    for (const channel of slot.channels.values()) channel.park();
    this.#finish(slot);
  }

  #startLeaving(slot: Slot, now: number): void {
    slot.phase = "leaving";
    slot.leaveBy = now + leaveMs;
    this.#leaving.add(slot);
    this.#takenOver.delete(slot);
    for (const channel of slot.channels.values()) this.#idle.delete(channel.id);
  }

  #hurry(slot: Slot): void {
    slot.hurried = true;
    for (const errand of slot.waiting.splice(0)) errand.refuse("misdirected", "");
    for (const channel of slot.channels.values()) channel.leave();
    this.#finish(slot);
  }

  /** Goes on with a slot that leaves, as far as nothing is on its way to the store. */
  #finish(slot: Slot): void {
    const channels = [...slot.channels.values()];
    const quiet = channels.filter((channel) => channel.quiet);
    if (slot.hurried) for (const channel of quiet) this.#letGo(slot, channel);
    if (quiet.length < channels.length) return;
    const needed = quiet.filter((channel) => channel.needed).map(({ id }) => id);
    const next = this.#ownership.successor(slot.number);
    if (slot.hurried || next === undefined || needed.length === 0) return this.#end(slot);
    slot.phase = "releasing";
    this.#releases.add(next.addr, slot, [slot.number, needed]);
  }

  /** Sends everybody away who is still here. */
  #end(slot: Slot): void {
    this.#leaving.delete(slot);
    if (this.#slots.get(slot.number) === slot) this.#slots.delete(slot.number);
    for (const channel of slot.channels.values()) this.#letGo(slot, channel);
    for (const errand of slot.waiting.splice(0)) errand.refuse("misdirected", "");
  }

  #letGo(slot: Slot, channel: Channel): void {
    slot.channels.delete(channel.id);
    this.#doubting.delete(channel);
    // Before what waits is refused: its gateway then knows where to send it again.
    for (const sub of [...channel.subscriptions]) {
      channel.unsubscribe(sub);
      this.#host.moved(sub);
    }
    channel.leave();
  }
}
