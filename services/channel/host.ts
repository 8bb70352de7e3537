import type { Reason } from "../protocol/problems.ts";
import type { Channel } from "./channel.ts";
import type { Asker, Emit, PublishedBytes } from "./events.ts";
import type { Subscription } from "./subscription.ts";

/** What a channel needs of its server. */
export interface Host {
  readonly emit: Emit;
  /** a number nobody had before */
  nextId(): number;
  published(asker: Asker, published: PublishedBytes): void;
  /** @param slot whose owner is named where this server isn't it @param retryAfterMs when it may be taken, where that is known */
  refuse(asker: Asker, reason: Reason, detail: string, slot: number, retryAfterMs?: number): void;
  /** One more message of a channel's. @returns 0, or in how many ms it may be stored */
  admit(channel: string): number;
  /** Somebody knows of more than the channel's head: is the slot still ours? @returns the check's number; `Channel.confirm` follows */
  doubt(channel: Channel): number;
  /** Something may have come to its end at the channel: `Channel.pump` follows. */
  touch(channel: Channel): void;
  /** Tells a subscription's gateway to look elsewhere; the subscription is over. */
  moved(sub: Subscription): void;
  /** The store is down for a channel that was served: `Channel.retry` is wanted later. */
  stalled(channel: Channel): void;
  /** An append was given up and may land late: `Channel.lookAgain` is wanted later. */
  givenUp(channel: Channel): void;
  /** The store answers again. */
  recovered(): void;
}
