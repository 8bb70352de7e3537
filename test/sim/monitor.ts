/** Watches a run and ends it at the first broken promise (DESIGN 9). What can be told at once is told at once. */
import { eventKinds } from "../../services/protocol/link.ts";
import type { Append, Appended, Entry } from "../../services/store/log.ts";
import type { MemoryLog } from "../../services/store/memory-log.ts";
import type { RingView } from "../../services/ring/ring.ts";
import type { Gap } from "../../services/gateway/client-frames.ts";
import { Broken, Ledger } from "./ledger.ts";
import { tooLongAStep } from "./rebalance.ts";
import type { ResumeWindow } from "./world.ts";

export interface Acked {
  readonly who: string;
  readonly channel: string;
  readonly key: string;
  readonly offset: number;
}

export class Monitor {
  readonly #log: MemoryLog;
  readonly #window: ResumeWindow;
  readonly #expired: (entry: Entry) => boolean;
  readonly ledger = new Ledger();
  readonly acked: Acked[] = [];
  delivered = 0;
  /** gaps that were told for a reason */
  gaps = 0;

  /** @param expired whether an entry may be too old to be replayed */
  constructor(log: MemoryLog, window: ResumeWindow, expired: (entry: Entry) => boolean) {
    this.#log = log;
    this.#window = window;
    this.#expired = expired;
  }

  /** Carries a claim out. @param by the process that claims, one incarnation of `owner` */
  claim(by: string, slot: number, owner: string): number {
    const fence = this.#log.claim(slot, owner);
    this.ledger.claimed(slot, fence, by);
    return fence;
  }

  /** Carries an append out. */
  append(by: string, append: Append): Appended {
    const result = this.#log.append(append);
    if (result.ok) this.ledger.appended(by, append);
    return result;
  }

  /** Somebody was told that their message is kept. Two owners that ack the same offset are found here, too: one of the messages is not there. */
  ack(who: string, channel: string, key: string, offset: number, ts: string): void {
    const entry = this.#held(channel, key, offset);
    if (entry === undefined) throw new Broken(`${who} got an ack for ${key}, which ${channel} does not hold at ${offset}`);
    if (entry.ts !== ts) throw new Broken(`${who} got an ack for ${key} with ts ${ts}, but it has ${entry.ts}`);
    this.acked.push({ who, channel, key, offset });
  }

  /**
   * A session is shown an event.
   * @param last the event before it; undefined: it may begin anywhere
   */
  event(who: string, session: number, channel: string, last: number | undefined, offset: number, payload: unknown): void {
    this.delivered++;
    const entries = this.ledger.entries(channel);
    const entry = entries[offset - 1];
    if (entry === undefined) throw new Broken(`${who} was shown ${channel} ${offset}, which is not in the log`);
    const { ts } = payload as { ts?: string };
    if (ts !== undefined && ts !== entry.ts) throw new Broken(`${who} was shown ${channel} ${offset} with ts ${ts}, the log has ${entry.ts}`);
    if (entry.origin === session) throw new Broken(`${who} was shown its own message, ${channel} ${offset}`);
    if (last === undefined) return;
    if (offset <= last) throw new Broken(`${who} was shown ${channel} ${offset} after ${last}: twice, or out of order`);
    for (let missing = last + 1; missing < offset; missing++) {
      if (!isHidden(entries[missing - 1]!, session)) throw new Broken(`${who} was shown ${channel} ${offset} after ${last}: ${missing} was left out in silence`);
    }
  }

  /**
   * A session is told that events are left out: such as are outside the window, are not kept, or that it can't know of, as it named no offset.
   * @param last the event that the session knows last
   */
  gap(who: string, session: number, last: number | undefined, { channel, after, head, oldest, latest }: Gap): void {
    if (last === undefined) return;
    const what = `${who} was told of a gap in ${channel} from ${after} to ${head}, having ${last}`;
    const entries = this.ledger.entries(channel);
    if (after === undefined || after < last || head <= after || head > entries.length) throw new Broken(what);
    if (entries.slice(last, after).some((entry) => !isHidden(entry, session))) throw new Broken(`${what}: it begins too late`);
    const { first } = this.#log.head(channel);
    const within = entries.slice(after, head).find((entry) => entry.offset >= first && entry.offset > entries.length - this.#window.resumeEvents && !this.#expired(entry));
    if (within !== undefined) throw new Broken(`${what}: ${within.offset} is within the window`);
    const tsOf = (offset: number): string | undefined => (offset < first ? undefined : entries[offset - 1]?.ts);
    if (oldest !== tsOf(after) || latest !== tsOf(head)) throw new Broken(`${what}: to be fetched from ${oldest} to ${latest}`);
    this.gaps++;
  }

  /** charm publishes a topology. */
  published(before: RingView | undefined, after: RingView, stepShare: number): void {
    const wrong = before === undefined ? undefined : tooLongAStep(before, after, stepShare);
    if (wrong !== undefined) throw new Broken(wrong);
  }

  /** Envoy gave a client to this gateway. */
  routed(view: RingView, gateway: string): void {
    const state = view.server("gateway", gateway)?.state;
    if (state === "draining") throw new Broken(`a client was given to ${gateway}, which drains in Envoy's own topology ${view.epoch}`);
  }

  /** What the store must have at the end. */
  checkLog(): void {
    this.ledger.compare(this.#log);
    for (const { who, channel, key, offset } of this.acked) {
      if (this.#held(channel, key, offset) === undefined) throw new Broken(`${who}'s acked message ${key} (${channel} ${offset}) is lost`);
    }
  }

  /** The entry of a user's message; the log keeps a key with its user before it. */
  #held(channel: string, key: string, offset: number): Entry | undefined {
    const entry = this.ledger.entries(channel)[offset - 1];
    return entry?.key.endsWith(`:${key}`) === true ? entry : undefined;
  }
}

/** Whether a session is not shown an entry: its own, or one for gateways. */
export function isHidden(entry: Entry, session: number): boolean {
  return entry.kind === eventKinds.control || entry.origin === session;
}
