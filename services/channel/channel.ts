import { AFTER_HEAD } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import type { Reason } from "../protocol/problems.ts";
import type { Entry } from "../store/log.ts";
import { bytesOf } from "./backlog.ts";
import type { AppendResult, Asker, Emit, Found, PublishedBytes } from "./events.ts";
import { Flights, type Assigned, type Flight, type Job } from "./flights.ts";
import { logKey } from "./log-key.ts";
import { messageOf, render } from "./render.ts";
import { formatTs, nextMicros, parseTs } from "./sequence.ts";
import type { Subscription } from "./subscription.ts";

/** Publications that are looked up and appended together at most. */
const batchJobs = 128;
/** A publication whose append found the channel's head elsewhere this often is refused. */
const triesMax = 3;

interface Waiting {
  readonly go: () => void;
  readonly abandon: (reason: Reason) => void;
  /** stays while the store is down */
  readonly patient?: boolean;
}

/** What a channel needs of its server. */
export interface Host {
  readonly emit: Emit;
  /** a number nobody had before */
  nextId(): number;
  published(asker: Asker, published: PublishedBytes): void;
  /** @param slot whose owner is named where this server isn't it */
  refuse(asker: Asker, reason: Reason, detail: string, slot: number): void;
  /** Somebody knows of more than the channel's head: is the slot still ours? @returns the check's number; `Channel.confirm` follows */
  doubt(slot: number): number;
  /** Tells a subscription's gateway to look elsewhere; the subscription is over. */
  moved(sub: Subscription): void;
  /** The store is down for a channel that was served: `Channel.retry` is wanted later. */
  stalled(channel: Channel): void;
  /** The store answers again. */
  recovered(): void;
}

/**
 * One channel at its owner: look-up of keys and targets → offset and `ts` → append → ack and broadcast. Look-ups go
 * one at a time, which serialises every read-modify-write; appends are pipelined behind each other. Nothing is acked
 * or shown before its append is durable.
 */
export class Channel {
  readonly id: string;
  readonly slot: number;
  readonly fence: number;
  readonly #host: Host;
  #phase: "loading" | "ready" | "leaving" = "loading";
  #load = 0;
  /** where the log ended was known once, and the store could not say it since: what needs the store is refused at once */
  #stalled = false;
  #known = false;
  /** offset and ts of the last entry that has one, durable or not */
  #assigned = { offset: 0, ts: "" };
  /** the latest time that was given out, also to entries that failed */
  #micros = 0;
  #durable = { offset: 0, ts: "" };
  readonly #waiting: Job[] = [];
  #lookup: { readonly id: number; readonly jobs: readonly Job[] } | undefined;
  readonly #flights = new Flights();
  #pending = 0;
  readonly #subs = new Set<Subscription>();
  /** those whose replay the store did not give */
  readonly #unread = new Set<Subscription>();
  readonly #onLoaded: Waiting[] = [];
  readonly #doubting: (Waiting & { readonly check: number })[] = [];

  constructor(id: string, slot: number, fence: number, host: Host) {
    this.id = id;
    this.slot = slot;
    this.fence = fence;
    this.#host = host;
    this.#reload();
  }

  /** the last durable entry */
  get head(): { readonly offset: number; readonly ts: string } {
    return this.#durable;
  }

  get idle(): boolean {
    return this.#phase === "ready" && this.#pending === 0 && this.#subs.size === 0 && this.#flights.empty && this.#doubting.length === 0;
  }

  /** Nothing is on its way to the store: it can be forgotten. */
  get quiet(): boolean {
    return this.#flights.empty;
  }

  /** Somebody waits for it, or listens. */
  get needed(): boolean {
    return this.#subs.size > 0 || this.#waiting.length > 0 || this.#onLoaded.length > 0 || this.#doubting.length > 0;
  }

  get subscriptions(): ReadonlySet<Subscription> {
    return this.#subs;
  }

  /** Runs `go` once the head is known, or `abandon` where the channel leaves before, or the store is down and the asker not patient. */
  whenLoaded(go: () => void, abandon: (reason: Reason) => void, patient = false): void {
    if (this.#stalled && !patient) abandon("store_unavailable");
    else if (!patient && this.#onLoaded.length >= limits.channelPendingAppends) abandon("rate_limited");
    else if (this.#phase === "loading") this.#onLoaded.push({ go, abandon, patient });
    else if (this.#phase === "ready") go();
    else abandon("misdirected");
  }

  /**
   * The same, for one who has seen the event `after`. Where that is beyond the head, either another server has fenced
   * this one without its knowing, or the store forgot; the answer of the former would take the asker back in time.
   */
  whenCurrent(after: number, go: () => void, abandon: (reason: Reason) => void, patient = false): void {
    const check = (): void => {
      if (after <= this.#durable.offset || after === AFTER_HEAD) return go();
      this.#doubting.push({ go, abandon, check: this.#host.doubt(this.slot) });
    };
    this.whenLoaded(check, abandon, patient);
  }

  /** A check's answer, which settles the doubts that are not younger; undefined where the store gave none. */
  confirm(check: number, fence: number | undefined): void {
    for (const doubt of [...this.#doubting]) {
      if (doubt.check > check) continue;
      this.#doubting.splice(this.#doubting.indexOf(doubt), 1);
      const { go, abandon } = doubt;
      if (fence === this.fence) go();
      else abandon(fence === undefined ? "store_unavailable" : "misdirected");
    }
  }

  publish(job: Job): void {
    if (this.#phase === "leaving") return this.#host.refuse(job.asker, "misdirected", "", this.slot);
    if (this.#stalled) return this.#host.refuse(job.asker, "store_unavailable", "", this.slot);
    if (this.#pending >= limits.channelPendingAppends) {
      return this.#host.refuse(job.asker, "rate_limited", `${this.#pending} publications of this channel wait for the store`, this.slot);
    }
    this.#pending++;
    this.#waiting.push(job);
  }

  subscribe(sub: Subscription): void {
    this.#subs.add(sub);
    const begin = (): void => {
      if (this.#subs.has(sub)) sub.begin(this.#durable.offset);
    };
    const drop = (): void => {
      if (this.#subs.has(sub)) this.#drop(sub);
    };
    this.whenCurrent(sub.wanted, begin, drop, true);
  }

  unsubscribe(sub: Subscription): void {
    this.#subs.delete(sub);
    this.#unread.delete(sub);
  }

  /** Asks the store again for what it did not give while it was down. */
  retry(): void {
    if (this.#phase === "leaving") return;
    if (this.#stalled) this.#reload();
    for (const sub of this.#unread) sub.again(this.#durable.offset);
    this.#unread.clear();
  }

  /** Looks the next waiting publications up. Called once per event, so that what arrived together stays together. */
  pump(): void {
    if (this.#phase !== "ready" || this.#lookup !== undefined || this.#waiting.length === 0 || this.#flights.failing || this.#flights.bytes >= limits.appendBytes) return;
    const jobs = this.#waiting.splice(0, batchJobs);
    this.#lookup = { id: this.#host.nextId(), jobs };
    const keys = [...new Set(jobs.map(({ publish }) => logKey(publish)))];
    const messages = [...new Set(jobs.flatMap(({ publish }) => ("ts" in publish ? [publish.ts] : [])))];
    this.#host.emit({ type: "lookup", channel: this.id, lookup: this.#lookup.id, keys, messages });
  }

  /** @returns false where the channel is over: the store can't say where it ends */
  loaded(load: number, head: number | undefined, lastTs: string): boolean {
    if (load !== this.#load || this.#phase !== "loading") return true;
    if (head === undefined) {
      if (this.#known) this.#stall();
      else this.#unloadable();
      return this.#known;
    }
    this.#host.recovered();
    this.#stalled = false;
    this.#known = true;
    this.#phase = "ready";
    this.#assigned = { offset: head, ts: lastTs };
    this.#micros = Math.max(this.#micros, parseTs(lastTs));
    this.#durable = { offset: head, ts: lastTs };
    // After an append of unknown outcome the store may hold more than was shown.
    for (const sub of this.#subs) if (sub.state !== "waiting") sub.catchUp(head);
    for (const { go } of this.#onLoaded.splice(0)) go();
    return true;
  }

  lookedUp(lookup: number, found: Found | undefined, wallMs: number): void {
    const jobs = this.#lookup?.id === lookup ? this.#lookup.jobs : [];
    if (jobs.length === 0) return;
    this.#lookup = undefined;
    if (found === undefined) for (const job of jobs) this.#refuse(job, "store_unavailable", "");
    else if (this.#flights.failing || this.#phase === "loading") this.#waiting.unshift(...jobs);
    else if (this.#flights.empty && [...found.keys.values()].some(({ offset }) => offset > this.#assigned.offset)) {
      // An append that was given up has landed late: nobody was told of it.
      this.#waiting.unshift(...jobs);
      this.#reload();
    }
    else {
      const { ts } = this.#assigned;
      this.#append(ts, this.#assignAll(jobs, found, wallMs));
    }
    this.#flights.forget();
  }

  appended(append: number, result: AppendResult): void {
    this.#flights.arrive(append, result);
    for (let flight = this.#flights.land(); flight !== undefined; flight = this.#flights.land()) this.#land(flight);
    if (this.#lookup === undefined) this.#flights.forget();
    if (this.#flights.failing && this.#flights.settled) this.#recover(this.#flights.clear());
  }

  /** @returns the subscription was told all it asked for, so far */
  replayed(sub: Subscription, entries: readonly Entry[] | undefined): void {
    if (!this.#subs.has(sub)) return;
    if (entries === undefined) {
      this.#unread.add(sub);
      this.#host.stalled(this);
      return;
    }
    this.#host.recovered();
    if (!sub.replayed(entries, this.#durable.offset)) this.#drop(sub);
  }

  /** Gives no offset any more; what has one may land. When all has, `quiet` is true. What has none waits for `leave`. */
  park(): void {
    this.#phase = "leaving";
    this.#waiting.unshift(...(this.#lookup?.jobs ?? []));
    this.#lookup = undefined;
  }

  /** Refuses what has no offset yet. */
  leave(): void {
    this.#abandon("misdirected");
  }

  /** As many as go in one append; the others wait on. */
  #assignAll(jobs: readonly Job[], found: Found, wallMs: number): Assigned[] {
    const list: Assigned[] = [];
    let left: number = limits.appendBytes;
    for (const [i, job] of jobs.entries()) {
      if (left <= 0) {
        this.#waiting.unshift(...jobs.slice(i));
        break;
      }
      for (const assigned of this.#assign(job, found, wallMs)) {
        list.push(assigned);
        left -= bytesOf([assigned.entry]);
      }
    }
    return list;
  }

  /** @returns nothing where the job was answered, or follows one on its way */
  #assign(job: Job, found: Found, wallMs: number): Assigned[] {
    const { publish } = job;
    const underWay = this.#flights.byKey(logKey(publish));
    if (underWay !== undefined) {
      if (underWay.landed) this.#published(job, underWay.entry, true, underWay.message);
      else underWay.followers.push(job);
      return [];
    }
    const stored = found.keys.get(logKey(publish));
    if (stored !== undefined) {
      this.#published(job, stored, true, messageOf(publish, stored));
      return [];
    }
    const micros = nextMicros(this.#micros, wallMs);
    const place = { channel: this.id, offset: this.#assigned.offset + 1, ts: formatTs(micros) };
    const rendered = render(publish, place, "ts" in publish ? this.#current(publish.ts, found) : undefined);
    if (typeof rendered === "string") {
      this.#refuse(job, rendered, "");
      return [];
    }
    this.#assigned = place;
    this.#micros = micros;
    const assigned: Assigned = { job, entry: rendered.entry, message: rendered.message, followers: [], landed: false };
    this.#flights.show(assigned);
    return [assigned];
  }

  #current(ts: string, found: Found): Uint8Array | undefined {
    const changed = this.#flights.message(ts);
    return changed === undefined ? found.messages.get(ts) : (changed.json ?? undefined);
  }

  #append(lastTs: string, list: readonly Assigned[]): void {
    if (list.length === 0) return;
    const append = this.#host.nextId();
    this.#flights.depart(append, list);
    this.#host.emit({ type: "append", channel: this.id, append, slot: this.slot, fence: this.fence, lastTs, entries: list.map(({ entry }) => entry) });
  }

  #land({ list }: Flight): void {
    for (const { job, entry, message, followers } of list) {
      this.#durable = { offset: entry.offset, ts: entry.ts };
      this.#published(job, entry, false, message);
      for (const follower of followers) this.#published(follower, entry, true, message);
      for (const sub of this.#subs) sub.deliver(entry);
    }
  }

  /** One append failed, so that all after it had to: answers each, then reads where the channel really ends. */
  #recover(flights: readonly Flight[]): void {
    const again: Job[] = [];
    for (const { list, result } of flights) {
      for (const { job, entry, message, followers } of list) {
        const jobs = [job, ...followers];
        if (result === "ok") jobs.forEach((one, i) => this.#published(one, entry, i > 0, message));
        else if (this.#phase === "leaving" || result === "fenced") for (const one of jobs) this.#refuse(one, "misdirected", "");
        else if (result === "conflict" && ++job.tries < triesMax) again.push(...jobs);
        else for (const one of jobs) this.#refuse(one, "store_unavailable", "");
      }
    }
    this.#waiting.unshift(...again);
    if (this.#phase === "ready") this.#reload();
  }

  #reload(): void {
    this.#phase = "loading";
    this.#load = this.#host.nextId();
    this.#host.emit({ type: "load", channel: this.id, load: this.#load });
  }

  /** The store is down, and the channel was served before: who is subscribed stays, and sees what needs no store. */
  #stall(): void {
    this.#stalled = true;
    for (const job of this.#waiting.splice(0)) this.#refuse(job, "store_unavailable", "");
    const asked = this.#onLoaded.splice(0);
    this.#onLoaded.push(...asked.filter(({ patient }) => patient));
    for (const { abandon, patient } of asked) if (patient !== true) abandon("store_unavailable");
    this.#host.stalled(this);
  }

  /** The store can't say where the channel ends: everybody is sent away and may come again. */
  #unloadable(): void {
    this.#abandon("store_unavailable");
    for (const sub of this.#subs) this.#drop(sub);
  }

  #abandon(reason: Reason): void {
    this.#phase = "leaving";
    for (const job of [...(this.#lookup?.jobs ?? []), ...this.#waiting.splice(0)]) this.#refuse(job, reason, "");
    this.#lookup = undefined;
    for (const { abandon } of [...this.#onLoaded.splice(0), ...this.#doubting.splice(0)]) abandon(reason);
  }

  #drop(sub: Subscription): void {
    this.unsubscribe(sub);
    this.#host.moved(sub);
  }

  #published(job: Job, { offset, ts }: Entry, duplicate: boolean, message: Uint8Array | undefined): void {
    this.#pending--;
    this.#host.published(job.asker, { channel: this.id, offset, ts, duplicate, ...(message === undefined ? {} : { message }) });
  }

  #refuse(job: Job, reason: Reason, detail: string): void {
    this.#pending--;
    this.#host.refuse(job.asker, reason, detail, this.slot);
  }
}
