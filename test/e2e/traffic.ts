/**
 * Steady traffic for the failure tests: posters that know what was acked, clients that resume, and the comparison of both.
 * Every second channel is posted to by the Web API, the others over a socket that does nothing else.
 */
import { expect } from "vitest";
import { call, type Frame } from "./client.ts";
import { disorder, historyOf } from "./history.ts";
import { everybody, people } from "./people.ts";
import type { TestPlane } from "./plane.ts";
import { Resuming } from "./resuming.ts";
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
  /** what came instead of an ack, each time followed by another try with the same client_msg_id */
  readonly refusals: string[] = [];
  /** one per user; they only listen */
  readonly clients: Resuming[] = [];
  /** by channel number, where messages go over a socket */
  readonly #speakers = new Map<number, Resuming>();
  #running = false;
  #lanes: Promise<void>[] = [];

  constructor(plane: TestPlane, channels: readonly string[]) {
    this.#plane = plane;
    this.#channels = channels;
  }

  /** Connects one resuming client per user and sends the first message of each channel, so that all know where they stand. */
  async begin(): Promise<void> {
    for (const person of everybody) this.clients.push(new Resuming(this.#plane.url, person.token));
    this.#channels.forEach((_, i) => {
      if (i % 2 === 1) this.#speakers.set(i, new Resuming(this.#plane.url, tokenFor(i)));
    });
    for (const client of [...this.clients, ...this.#speakers.values()]) await client.ready();
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
    await Promise.all([...this.clients, ...this.#speakers.values()].map((client) => client.stop()));
  }

  /** Longest time between two acks of one of these channels, in milliseconds. @param since only what ended after this time, by `performance.now()` */
  stallMs(channels: readonly string[] = this.#channels, since = 0): number {
    let longest = 0;
    for (const channel of channels) {
      const times = this.acked.filter((message) => message.channel === channel).map((message) => message.at);
      for (let i = 1; i < times.length; i++) if (times[i]! > since) longest = Math.max(longest, times[i]! - times[i - 1]!);
    }
    return longest;
  }

  async #lane(channel: string): Promise<void> {
    for (let i = 0; this.#running; i++) await this.#post(channel, String(i));
  }

  /** As the documentation asks: the same client_msg_id until there is an ack. What was begun is ended, or it might be stored and not known. */
  async #post(channel: string, name: string): Promise<void> {
    const text = `${channel}|${name}`;
    const number = this.#channels.indexOf(channel);
    const speaker = this.#speakers.get(number);
    const deadline = Date.now() + 20_000;
    while (Date.now() < deadline) {
      try {
        const ts = await (speaker === undefined ? this.#byApi(channel, text, tokenFor(number)) : bySocket(speaker, channel, text));
        this.acked.push({ channel, text, ts, at: performance.now() });
        return;
      } catch (error) {
        this.refusals.push((error as Error).message);
        await new Promise((done) => setTimeout(done, 50));
      }
    }
    throw new Error(`${text} was not acked within 20 s: ${this.refusals.at(-1)}`);
  }

  async #byApi(channel: string, text: string, token: string): Promise<string> {
    const { ts } = await call(this.#plane.url, token, "chat.postMessage", { channel, text, client_msg_id: text });
    return ts as string;
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

async function bySocket(speaker: Resuming, channel: string, text: string): Promise<string> {
  const rtm = await speaker.ready();
  const ack = await rtm.ask({ type: "message", channel, text, client_msg_id: text });
  if (ack.ok !== true) throw new Error(ack.error?.msg);
  return ack.ts!;
}

/** Who posts to a channel: everybody but the robot, who only listens. */
function tokenFor(channelNumber: number): string {
  return everybody[channelNumber % (everybody.length - 1)]!.token;
}
