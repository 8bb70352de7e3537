/** How often one user may call each method of the Web API: this process for itself, whichever of the user's tokens it is. */
import { TokenBuckets } from "../runtime/token-buckets.ts";
import type { Config } from "./config.ts";
import { ApiError } from "./errors.ts";

/** As publicly documented for methods of these names; what posts messages has its own limit, by the second. */
export const tiers = {
  messages: ["chat.postMessage", "chat.meMessage"],
  1: ["rtm.connect", "rtm.start"],
  2: ["conversations.create", "conversations.list", "reactions.remove", "users.list", "users.setPresence"],
  3: [
    "bots.info",
    "chat.delete",
    "chat.update",
    "conversations.history",
    "conversations.info",
    "conversations.invite",
    "conversations.join",
    "conversations.kick",
    "conversations.leave",
    "conversations.mark",
    "conversations.open",
    "reactions.add",
    "team.info",
    "users.conversations",
    "users.getPresence",
  ],
  4: ["auth.test", "conversations.members", "users.info"],
} as const satisfies Record<string, readonly string[]>;

type Rates = Pick<Config, "userMessagesPerSecond" | "burstSeconds" | "apiTier1PerMinute" | "apiTier2PerMinute" | "apiTier3PerMinute" | "apiTier4PerMinute">;

export class RateLimits {
  readonly #buckets = new Map<string, TokenBuckets>();
  readonly #now: () => number;

  /** @param now milliseconds of a clock that does not jump */
  constructor(rates: Rates, now: () => number) {
    this.#now = now;
    const messages = new TokenBuckets(rates.userMessagesPerSecond, rates.userMessagesPerSecond * rates.burstSeconds);
    for (const method of tiers.messages) this.#buckets.set(method, messages);
    for (const tier of [1, 2, 3, 4] as const) {
      const perMinute = rates[`apiTier${tier}PerMinute`];
      // A minute's calls may come at once.
      for (const method of tiers[tier]) this.#buckets.set(method, new TokenBuckets(perMinute / 60, perMinute));
    }
  }

  /** @throws ApiError ratelimited */
  admit(user: string, method: string): void {
    const waitMs = this.#buckets.get(method)?.take(user, this.#now()) ?? 0;
    if (waitMs > 0) throw new ApiError("ratelimited", {}, waitMs);
  }
}
