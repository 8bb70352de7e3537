/** Whether live traffic goes on where nothing can be stored: one client types all the time, another one sees it. */
import { Client } from "../../services/delivery/client.ts";
import { until } from "../e2e/wait.ts";

const everyMs = 50;

export class Pulse {
  readonly #seen: number[] = [];
  readonly #typing: Client;
  readonly #watching: Client;
  readonly #channel: string;
  #timer: NodeJS.Timeout | undefined;

  /** @param tokens two users, both in the channel */
  constructor(api: string, tokens: readonly [string, string], channel: string) {
    const events = { offsets: () => ({}), connected: () => {}, lost: () => {}, idle: () => true };
    this.#channel = channel;
    this.#typing = new Client(api, tokens[0], { ...events, frame: () => {} });
    this.#watching = new Client(api, tokens[1], {
      ...events,
      frame: (frame) => {
        if (frame["type"] === "user_typing" && frame["channel"] === channel) this.#seen.push(performance.now());
      },
    });
  }

  async start(): Promise<void> {
    this.#typing.start();
    this.#watching.start();
    this.#timer = setInterval(() => this.#typing.send({ type: "typing", channel: this.#channel }), everyMs);
    await until("the first sign of typing", () => this.#seen.length > 0);
  }

  /** Longest time without a sign. */
  silenceMs(from: number, to: number): number {
    let [longest, last] = [0, from];
    for (const at of this.#seen) {
      if (at < from) continue;
      longest = Math.max(longest, Math.min(at, to) - last);
      if (at >= to) return longest;
      last = at;
    }
    return Math.max(longest, to - last);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([this.#typing.stop(), this.#watching.stop()]);
  }
}
