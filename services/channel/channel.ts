import { AFTER_HEAD } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import type { Reason } from "../protocol/problems.ts";
import { microsOf } from "../runtime/clock.ts";
import type { Entry } from "../store/log.ts";
import { bytesOf } from "./backlog.ts";
import type { AppendResult, Found } from "./events.ts";
import type { Assigned, Flight, Job } from "./flights.ts";
import type { Host } from "./host.ts";
import { logKey } from "./log-key.ts";
import { messageOf, render } from "./render.ts";
import { formatTs, nextMicros, parseTs } from "./sequence.ts";
import type { Subscription } from "./subscription.ts";
import { Work } from "./work.ts";

/** Publications that are looked up and appended together at most. */
const batchJobs = 128;
/** A publication whose append found the channel's head elsewhere this often is refused. */
const triesMax = 3;

const nobody: readonly Subscription[] = [];

/**
 * One channel at its owner: look-up of keys and targets → offset and `ts` → append → ack and broadcast. Look-ups go
 * one at a time, which serialises every read-modify-write; appends are pipelined behind each other. Nothing is acked
 * or shown before its append is durable.
 *
 * A channel that is at rest is this object and its subscriptions, and must stay small (`npm run bench:channels`).
 */
export class Channel {
  readonly id: string;
  readonly slot: number;
  readonly fence: number;
  readonly #host: Host;
  #phase: "loading" | "ready" | "leaving" = "loading";
  /** offset and, in microseconds, ts of the last durable entry; a ts as a number takes a third of what it takes as text */
  #offset = 0;
  #micros = 0;
  /** replaced by each change, so that it takes no more than it holds */
  #subs: readonly Subscription[] = nobody;
  #work: Work | undefined;

  constructor(id: string, slot: number, fence: number, host: Host) {
    this.id = id;
    this.slot = slot;
    this.fence = fence;
    this.#host = host;
    this.#reload((this.#work = new Work(false, this.head, 0)));
  }

  /** the last durable entry */
  get head(): { readonly offset: number; readonly ts: string } {
    return { offset: this.#offset, ts: this.#micros === 0 ? "" : formatTs(this.#micros) };
  }

  /** Nothing is under way, and nobody listens. */
  get idle(): boolean {
    return this.#phase === "ready" && this.#subs.length === 0 && (this.#work === undefined || this.#work.isDone);
  }

  /** Nothing is on its way to the store: it can be forgotten. */
  get quiet(): boolean {
    return this.#work === undefined || this.#work.flights.empty;
  }

  /** Somebody waits for it, or listens. */
  get needed(): boolean {
    const work = this.#work;
    return this.#subs.length > 0 || (work !== undefined && (work.waiting.length > 0 || work.onLoaded.length > 0 || work.doubting.length > 0));
  }

  get subscriptions(): readonly Subscription[] {
    return this.#subs;
  }

  /** Runs `go` once the head is known, or `abandon` where the channel leaves before, the store is down, or too many wait. */
  whenLoaded(go: () => void, abandon: (reason: Reason) => void): void {
    if (this.#work?.stalled === true) abandon("store_unavailable");
    else if (this.#phase === "loading") {
      const { onLoaded } = this.#busy();
      if (onLoaded.length >= limits.channelPendingAppends) abandon("rate_limited");
      else onLoaded.push({ go, abandon });
    }
    else if (this.#phase === "ready") go();
    else abandon("misdirected");
  }

  /**
   * The same, for one who has seen the event `after`. Where that is beyond the head, either another server has fenced
   * this one without its knowing, or the store forgot; the answer of the former would take the asker back in time.
   */
  whenCurrent(after: number, go: () => void, abandon: (reason: Reason) => void): void {
    this.whenLoaded(() => (this.#reaches(after) ? go() : this.#doubt(go, abandon)), abandon);
  }

  /** A check's answer, which settles the doubts that are not younger; undefined where the store gave none. @returns whether doubts are left */
  confirm(check: number, fence: number | undefined): boolean {
    const doubting = this.#work?.doubting ?? [];
    for (const doubt of [...doubting]) {
      if (doubt.check > check) continue;
      doubting.splice(doubting.indexOf(doubt), 1);
      const { go, abandon } = doubt;
      if (fence === this.fence) go();
      else abandon(fence === undefined ? "store_unavailable" : "misdirected");
    }
    return doubting.length > 0;
  }

  publish(job: Job): void {
    if (this.#phase === "leaving") return this.#host.refuse(job.asker, "misdirected", "", this.slot);
    const work = this.#busy();
    if (work.stalled) return this.#host.refuse(job.asker, "store_unavailable", "", this.slot);
    if (work.pending >= limits.channelPendingAppends) {
      return this.#host.refuse(job.asker, "rate_limited", `${work.pending} publications of this channel wait for the store`, this.slot);
    }
    work.pending++;
    work.waiting.push(job);
  }

  /** It waits for the channel to be loaded, also while the store is down. */
  subscribe(sub: Subscription): void {
    this.#subs = this.#subs.concat(sub);
    if (this.#phase === "ready") this.#begin(sub);
    else if (this.#phase === "leaving") this.#drop(sub);
  }

  unsubscribe(sub: Subscription): void {
    const at = this.#subs.indexOf(sub);
    if (at < 0) return;
    this.#subs = this.#subs.length === 1 ? nobody : this.#subs.toSpliced(at, 1);
    if (this.#work !== undefined) this.#work.unread = this.#work.unread.filter((one) => one !== sub);
  }

  /** Asks the store again for what it did not give while it was down. */
  retry(): void {
    const work = this.#work;
    if (this.#phase === "leaving" || work === undefined) return;
    if (work.stalled) this.#reload(work);
    for (const sub of work.unread) sub.again(this.#offset);
    work.unread = [];
  }

  /** Reads where the log ends, where nothing is under way that would find it out by the way. */
  lookAgain(): void {
    if (this.#phase !== "ready" || this.#subs.length === 0) return;
    const work = this.#busy();
    if (work.flights.empty && work.lookup === undefined) this.#reload(work);
  }

  /** Looks the next waiting publications up, or comes to rest. Called once per event, so that what arrived together stays together. */
  pump(): void {
    const work = this.#work;
    if (this.#phase !== "ready" || work === undefined) return;
    const { flights } = work;
    // An entry that failed may land late; until a later one has, its time must not be given out again.
    if (work.isDone && work.micros === this.#micros) this.#work = undefined;
    else if (work.lookup === undefined && work.waiting.length > 0 && !flights.failing && flights.bytes < limits.appendBytes) this.#lookUp(work);
  }

  /** @returns false where the channel is over: the store can't say where it ends */
  loaded(load: number, head: number | undefined, lastTs: string): boolean {
    const work = this.#work;
    if (load !== work?.load || this.#phase !== "loading") return true;
    if (head === undefined) {
      if (work.known) this.#stall(work);
      else this.#unloadable();
      return work.known;
    }
    this.#host.recovered();
    work.stalled = false;
    work.known = true;
    work.assigned = { offset: head, ts: lastTs };
    this.#phase = "ready";
    this.#offset = head;
    this.#micros = parseTs(lastTs);
    work.micros = Math.max(work.micros, this.#micros);
    // After an append of unknown outcome the store may hold more than was shown.
    for (const sub of this.#subs) {
      if (sub.state === "waiting") this.#begin(sub);
      else sub.catchUp(head);
    }
    for (const { go } of work.onLoaded.splice(0)) go();
    return true;
  }

  lookedUp(lookup: number, found: Found | undefined, wallMs: number): void {
    const work = this.#work;
    if (work?.lookup?.id !== lookup) return;
    const { jobs } = work.lookup;
    work.lookup = undefined;
    if (found === undefined) for (const job of jobs) this.#refuse(job, "store_unavailable", "");
    else if (work.flights.failing || this.#phase === "loading") work.waiting.unshift(...jobs);
    else if (work.flights.empty && [...found.keys.values()].some(({ offset }) => offset > work.assigned.offset)) {
      // An append that was given up has landed late: nobody was told of it.
      work.waiting.unshift(...jobs);
      this.#reload(work);
    }
    else this.#append(work, work.assigned.ts, this.#assignAll(work, jobs, found, wallMs));
    work.flights.forget();
  }

  appended(append: number, result: AppendResult, wallMs: number): void {
    const work = this.#work;
    if (work === undefined) return;
    const { flights } = work;
    flights.arrive(append, result);
    for (let flight = flights.land(); flight !== undefined; flight = flights.land()) this.#land(flight, microsOf(wallMs));
    if (work.lookup === undefined) flights.forget();
    if (flights.failing && flights.settled) this.#recover(work, flights.clear());
  }

  /** @param id of the subscription that asked */
  replayed(id: number, entries: readonly Entry[] | undefined): void {
    const sub = this.#subs.find((one) => one.id === id);
    if (sub === undefined) return;
    if (entries === undefined) {
      const work = this.#busy();
      if (!work.unread.includes(sub)) work.unread = work.unread.concat(sub);
      this.#host.stalled(this);
      return;
    }
    this.#host.recovered();
    if (!sub.replayed(entries, this.#offset)) this.#drop(sub);
  }

  /** Gives no offset any more; what has one may land. When all has, `quiet` is true. What has none waits for `leave`. */
  park(): void {
    this.#phase = "leaving";
    const work = this.#work;
    if (work === undefined) return;
    work.waiting.unshift(...(work.lookup?.jobs ?? []));
    work.lookup = undefined;
  }

  /** Refuses what has no offset yet. */
  leave(): void {
    this.#abandon("misdirected");
  }

  /** What is under way, where nothing was until now. */
  #busy(): Work {
    return (this.#work ??= new Work(true, this.head, this.#micros));
  }

  /** Whether one who has seen the event `after` has seen no more than there is. */
  #reaches(after: number): boolean {
    return after <= this.#offset || after === AFTER_HEAD;
  }

  #doubt(go: () => void, abandon: (reason: Reason) => void): void {
    this.#busy().doubting.push({ go, abandon, check: this.#host.doubt(this) });
  }

  #begin(sub: Subscription): void {
    if (this.#reaches(sub.wanted)) return sub.begin(this.#offset);
    const listens = (): boolean => this.#subs.includes(sub) && sub.state === "waiting";
    this.#doubt(() => (listens() ? sub.begin(this.#offset) : undefined), () => (listens() ? this.#drop(sub) : undefined));
  }

  #lookUp(work: Work): void {
    const jobs = work.waiting.splice(0, batchJobs);
    const lookup = this.#host.nextId();
    work.lookUp(lookup, jobs);
    const keys = [...new Set(jobs.map(({ publish }) => logKey(publish)))];
    const messages = [...new Set(jobs.flatMap(({ publish }) => ("ts" in publish ? [publish.ts] : [])))];
    this.#host.emit({ type: "lookup", channel: this.id, lookup, keys, messages });
  }

  /** As many as go in one append; the others wait on. */
  #assignAll(work: Work, jobs: readonly Job[], found: Found, wallMs: number): Assigned[] {
    const list: Assigned[] = [];
    let left: number = limits.appendBytes;
    for (const [i, job] of jobs.entries()) {
      if (left <= 0) {
        work.waiting.unshift(...jobs.slice(i));
        break;
      }
      for (const assigned of this.#assign(work, job, found, wallMs)) {
        list.push(assigned);
        left -= bytesOf(assigned.entry);
      }
    }
    return list;
  }

  /** @returns nothing where the job was answered, or follows one on its way */
  #assign(work: Work, job: Job, found: Found, wallMs: number): Assigned[] {
    const { publish } = job;
    const underWay = work.flights.byKey(logKey(publish));
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
    const micros = nextMicros(work.micros, wallMs);
    const place = { channel: this.id, offset: work.assigned.offset + 1, ts: formatTs(micros) };
    const rendered = render(publish, place, "ts" in publish ? work.message(publish.ts, found) : undefined);
    if (typeof rendered === "string") {
      this.#refuse(job, rendered, "");
      return [];
    }
    // Only here is it known that it isn't a repeat of what is stored: that one is answered, and costs nothing.
    const waitMs = "user" in publish && job.tries === 0 ? this.#host.admit(this.id) : 0;
    if (waitMs > 0) {
      this.#refuse(job, "rate_limited", "this channel takes no more now", waitMs);
      return [];
    }
    work.assigned = place;
    work.micros = micros;
    const assigned: Assigned = { job, entry: rendered.entry, message: rendered.message, followers: [], landed: false };
    work.flights.show(assigned);
    return [assigned];
  }

  #append(work: Work, lastTs: string, list: readonly Assigned[]): void {
    if (list.length === 0) return;
    const append = this.#host.nextId();
    work.flights.depart(append, list);
    this.#host.emit({ type: "append", channel: this.id, append, slot: this.slot, fence: this.fence, lastTs, entries: list.map(({ entry }) => entry) });
  }

  #land({ list }: Flight, stored: number): void {
    const last = list.at(-1)!.entry;
    this.#offset = last.offset;
    this.#micros = parseTs(last.ts);
    for (const { job, entry, message, followers } of list) {
      this.#published(job, entry, false, message);
      for (const follower of followers) this.#published(follower, entry, true, message);
      const hops = { ...job.hops, stored };
      if (hops.trace !== "") this.#host.emit({ type: "traced", channel: this.id, slot: this.slot, offset: entry.offset, ...hops });
      for (const sub of this.#subs) sub.deliver(entry, hops);
    }
  }

  /** One append failed, so that all after it had to: answers each, then reads where the channel really ends. */
  #recover(work: Work, flights: readonly Flight[]): void {
    if (flights.some(({ result }) => result === "unavailable")) this.#host.givenUp(this);
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
    work.waiting.unshift(...again);
    if (this.#phase === "ready") this.#reload(work);
  }

  #reload(work: Work): void {
    this.#phase = "loading";
    work.load = this.#host.nextId();
    this.#host.emit({ type: "load", channel: this.id, load: work.load });
  }

  /** The store is down, and the channel was served before: who is subscribed stays, and sees what needs no store. */
  #stall(work: Work): void {
    work.stalled = true;
    for (const job of work.waiting.splice(0)) this.#refuse(job, "store_unavailable", "");
    for (const { abandon } of work.onLoaded.splice(0)) abandon("store_unavailable");
    this.#host.stalled(this);
  }

  /** The store can't say where the channel ends: everybody is sent away and may come again. */
  #unloadable(): void {
    this.#abandon("store_unavailable");
    for (const sub of this.#subs) this.#drop(sub);
  }

  #abandon(reason: Reason): void {
    this.#phase = "leaving";
    const work = this.#work;
    if (work === undefined) return;
    for (const job of [...(work.lookup?.jobs ?? []), ...work.waiting.splice(0)]) this.#refuse(job, reason, "");
    work.lookup = undefined;
    for (const { abandon } of [...work.onLoaded.splice(0), ...work.doubting.splice(0)]) abandon(reason);
  }

  #drop(sub: Subscription): void {
    this.unsubscribe(sub);
    this.#host.moved(sub);
  }

  #published(job: Job, { offset, ts }: Entry, duplicate: boolean, message: Uint8Array | undefined): void {
    this.#work!.pending--;
    this.#host.published(job.asker, { channel: this.id, offset, ts, duplicate, ...(message === undefined ? {} : { message }) });
  }

  #refuse(job: Job, reason: Reason, detail: string, retryAfterMs?: number): void {
    this.#work!.pending--;
    this.#host.refuse(job.asker, reason, detail, this.slot, retryAfterMs);
  }
}
