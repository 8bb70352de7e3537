/** Steady traffic for the failure tests: posters that know what was acked, clients that resume, and the comparison of both. */
import { expect } from "vitest";
import { api, type ApiResult, type Frame, Resuming } from "./client.ts";
import { disorder, historyOf } from "./history.ts";
import { everybody, people } from "./people.ts";
import type { TestPlane } from "./plane.ts";
import { until } from "./wait.ts";

export interface Acked {
  readonly channel: string;
  readonly ts: string;
  readonly text: string;
  /** when the answer came, milliseconds */
  readonly at: number;
}

export class Traffic {
  readonly #plane: TestPlane;
  readonly #channels: readonly string[];
  readonly acked: Acked[] = [];
  /** answers other than an ack, each followed by another try with the same client_msg_id */
  readonly refusals: string[] = [];
  readonly clients: Resuming[] = [];
  #running = false;
  #lanes: Promise<void>[] = [];

  constructor(plane: TestPlane, channels: readonly string[]) {
    this.#plane = plane;
    this.#channels = channels;
  }

  /** Connects one resuming client per user and sends the first message of each channel, so that all know where they stand. */
  async begin(): Promise<void> {
    for (const person of everybody) this.clients.push(new Resuming(this.#plane.url, person.token));
    for (const client of this.clients) await client.ready();
    this.#running = true;
    for (const channel of this.#channels) await this.#post(channel, "first");
    await this.#allArrived();
    this.#lanes = this.#channels.map((channel) => this.#lane(channel));
  }

  /** Waits until every channel has `count` more acks. */
  async more(count: number): Promise<void> {
    const aim = new Map(this.#channels.map((channel) => [channel, this.#ackedIn(channel) + count]));
    await until(`${count} more acks in each channel`, () => [...aim].every(([channel, number]) => this.#ackedIn(channel) >= number), 30_000);
  }

  /** Stops posting and shows that no acked message is missing anywhere, each exactly once and in order. */
  async check(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#lanes);
    await this.#allArrived();
    for (const channel of this.#channels) {
      const acked = this.acked.filter((message) => message.channel === channel).map(({ ts, text }) => `${ts} ${text}`);
      const stored = (await historyOf(this.#plane.url, people.ada.token, channel)).filter((message) => message.text?.includes("|"));
      expect(disorder(stored)).toEqual([]);
      expect(stored.map(tsAndText), `history of ${channel}`).toEqual(acked);
      this.clients.forEach((client, i) => {
        const seen = client.messages(channel).filter((frame) => frame.text?.includes("|"));
        expect(disorder(seen), everybody[i]!.user).toEqual([]);
        expect(seen.map(tsAndText), `${channel} at ${everybody[i]!.user}`).toEqual(acked);
      });
    }
  }

  async end(): Promise<void> {
    this.#running = false;
    await Promise.allSettled(this.#lanes);
    await Promise.all(this.clients.map((client) => client.stop()));
  }

  /** Longest time between two acks of one of these channels, in milliseconds. */
  stallMs(channels: readonly string[] = this.#channels): number {
    let longest = 0;
    for (const channel of channels) {
      const times = this.acked.filter((message) => message.channel === channel).map((message) => message.at);
      for (let i = 1; i < times.length; i++) longest = Math.max(longest, times[i]! - times[i - 1]!);
    }
    return longest;
  }

  async #lane(channel: string): Promise<void> {
    for (let i = 0; this.#running; i++) await this.#post(channel, String(i));
  }

  /** As the documentation asks: the same client_msg_id until there is an ack. What was begun is ended, or it might be stored and not known. */
  async #post(channel: string, name: string): Promise<void> {
    const text = `${channel}|${name}`;
    const person = everybody[this.#channels.indexOf(channel) % everybody.length]!;
    const deadline = Date.now() + 20_000;
    while (Date.now() < deadline) {
      const result = await api(this.#plane.url, person.token, "chat.postMessage", { channel, text, client_msg_id: text }).catch(
        (error: Error): ApiResult => ({ ok: false, error: error.message }),
      );
      if (result.ok) {
        this.acked.push({ channel, text, ts: result["ts"] as string, at: performance.now() });
        return;
      }
      this.refusals.push(result.error ?? "no reason");
      await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error(`${text} was not acked within 20 s: ${this.refusals.at(-1)}`);
  }

  #ackedIn(channel: string): number {
    return this.acked.reduce((sum, message) => sum + (message.channel === channel ? 1 : 0), 0);
  }

  /** Each client has as many messages as were acked, or more. */
  async #allArrived(): Promise<void> {
    for (const [i, client] of this.clients.entries()) {
      await until(`all acked messages at ${everybody[i]!.user}`, () => this.#channels.every((channel) => client.messages(channel).length >= this.#ackedIn(channel)), 20_000);
    }
  }
}

function tsAndText({ ts, text }: Frame): string {
  return `${ts} ${text}`;
}
