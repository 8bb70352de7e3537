/** How much one user may do at this gateway, over all of their sessions here. */
import { limits } from "../protocol/limits.ts";
import { TokenBuckets } from "../runtime/token-buckets.ts";
import type { Core } from "./core.ts";

export class RateLimits {
  readonly #core: Core;
  readonly #messages: TokenBuckets;
  readonly #typing: TokenBuckets;
  readonly #presence: TokenBuckets;

  constructor(core: Core) {
    const { userMessagesPerSecond: messages = 0, userTypingPerSecond: typing = 0, userPresencePerSecond: presence = 0, burstSeconds = 1 } = core.options;
    this.#core = core;
    this.#messages = new TokenBuckets(messages, messages * burstSeconds);
    this.#typing = new TokenBuckets(typing, typing * burstSeconds);
    this.#presence = new TokenBuckets(presence, Math.max(limits.presenceSubUsers, presence * burstSeconds));
  }

  /** The user asks about the presence of so many. @returns 0, or in how many ms that may be */
  presence(user: string, users: number): number {
    return this.#presence.take(user, this.#core.now, Math.max(1, users));
  }

  /** One more message of the user. @returns 0, or in how many ms it may come */
  message(user: string): number {
    return this.#messages.take(user, this.#core.now);
  }

  /** One more sign of typing. @returns false where it is one too many; nobody is told */
  typing(user: string): boolean {
    const may = this.#typing.take(user, this.#core.now) === 0;
    if (!may) this.#core.counters.typingDropped++;
    return may;
  }
}
