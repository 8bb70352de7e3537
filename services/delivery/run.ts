/** One check from its first channel to its verdict, against a plane that is anywhere. */
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { historyOf, untilAnswered } from "./history.ts";
import type { Happened, Plan, Stored } from "./happened.ts";
import { numbers } from "./numbers.ts";
import { Reader } from "./reader.ts";
import { Timeline, type Stalls } from "./stalls.ts";
import { verify, type Verdict } from "./verify.ts";
import { callApi, NoAnswer } from "./web-api.ts";
import { Writer } from "./writer.ts";

/** The plane can't be checked, or what happened can't be judged; the message is for people. */
export class CheckError extends Error {
  override name = "CheckError";
}

/** A doubled message comes soon after the first, if it comes; so long is waited for it. */
const quietMs = 300;
const lookEveryMs = 20;

export class DeliveryRun {
  readonly plan: Plan;
  readonly happened: Happened[] = [];
  readonly timeline: Timeline;
  readonly #history = new Map<string, readonly Stored[]>();
  #channels: readonly string[] = [];
  #readers: readonly Reader[] = [];
  #writers: readonly Writer[] = [];

  constructor(plan: Plan) {
    this.plan = plan;
    this.timeline = new Timeline(this.happened, plan.readers);
  }

  get channels(): readonly string[] {
    return this.#channels;
  }

  /** What the verdict was read off, besides `happened`. */
  get history(): ReadonlyMap<string, readonly Stored[]> {
    return this.#history;
  }

  /** Makes the channels, connects everybody, begins to send. @throws CheckError where the plane does not let it */
  async start(): Promise<void> {
    const name = `dlv-${Date.now().toString(36)}${randomBytes(4).toString("hex")}`;
    this.#channels = await this.#makeChannels(name);
    const note = (event: Happened): void => void this.happened.push(event);
    const random = numbers(this.plan.seed);
    const nextChannel = (): string => this.#channels[Math.floor(random() * this.#channels.length)]!;
    this.#readers = Array.from({ length: this.plan.readers }, (_, i) => new Reader(i, this.#planAt(this.plan.readersAt, i), this.#channels, note));
    this.#writers = Array.from({ length: this.plan.writers }, (_, i) => new Writer(i, this.#planAt(this.plan.writersAt, i), `${name}-w${i}`, nextChannel, note));
    for (const client of [...this.#readers, ...this.#writers]) client.start();
    const deadline = performance.now() + this.plan.settleMs;
    while (![...this.#readers, ...this.#writers].every((client) => client.isOpen)) {
      if (performance.now() > deadline) {
        await this.#disconnect();
        throw new CheckError(`not all readers and writers could connect to ${this.plan.api} within ${this.plan.settleMs / 1_000} s`);
      }
      await pause(lookEveryMs);
    }
    for (const writer of this.#writers) writer.send();
  }

  /**
   * Ends the sending, waits for what is under way, reads history and judges.
   * @throws CheckError where history can't be read
   */
  async stop(allowGaps: boolean): Promise<Verdict & Stalls> {
    try {
      for (const writer of this.#writers) writer.halt();
      while (!this.#writers.every((writer) => writer.isIdle)) await pause(lookEveryMs);
      const began = this.happened[0]?.at ?? 0;
      await this.#arrived();
      await pause(quietMs);
      await this.#disconnect();
      await this.#readHistory();
      return { ...verify(this.happened, this.#history, { readers: this.plan.readers, allowGaps }), ...this.timeline.between(began, Infinity) };
    } finally {
      await this.#disconnect();
    }
  }

  #planAt(places: readonly string[] | undefined, i: number): Plan {
    return places === undefined ? this.plan : { ...this.plan, api: places[i % places.length]! };
  }

  async #makeChannels(name: string): Promise<string[]> {
    const { api, tokens } = this.plan;
    const first = tokens[0]!;
    const usersOf = async (): Promise<string[]> => Promise.all(tokens.map(async (token) => String((await callApi(api, token, "auth.test"))["user_id"])));
    try {
      const [creator, ...others] = await usersOf();
      const users = [...new Set(others)].filter((user) => user !== creator);
      const channels: string[] = [];
      for (let i = 0; i < this.plan.channels; i++) {
        const deadline = performance.now() + this.plan.settleMs;
        const made = await callApi(api, first, "conversations.create", { name: `${name}-${i}` });
        const { id } = made["channel"] as { id: string };
        if (users.length > 0) await untilAnswered(deadline, () => invited(api, first, id, users));
        channels.push(id);
      }
      return channels;
    } catch (error) {
      if (error instanceof NoAnswer) throw new CheckError(`${api} does not let this check make its channels: ${error.message}`);
      throw error;
    }
  }

  /** Every reader has all of history. One that does not get it in time is for the verdict to name. */
  async #arrived(): Promise<void> {
    const deadline = performance.now() + this.plan.settleMs;
    await this.#readHistory();
    const heads = new Map([...this.#history].map(([channel, messages]) => [channel, messages.at(-1)?.off ?? 0]));
    while (performance.now() < deadline && !this.#readers.every((reader) => reader.hasAll(heads))) await pause(lookEveryMs);
  }

  async #readHistory(): Promise<void> {
    try {
      for (const channel of this.#channels) this.#history.set(channel, await historyOf(this.plan, channel));
    } catch (error) {
      if (error instanceof NoAnswer) throw new CheckError(`history could not be read within ${this.plan.settleMs / 1_000} s (${error.message}); nothing is proven`);
      throw error;
    }
  }

  async #disconnect(): Promise<void> {
    await Promise.all([...this.#readers, ...this.#writers].map((client) => client.stop()));
  }
}

/** Repeated after an answer that got lost, it finds everybody in the channel. */
async function invited(api: string, token: string, channel: string, users: readonly string[]): Promise<void> {
  await callApi(api, token, "conversations.invite", { channel, users: users.join(",") }).catch((error: unknown) => {
    if (!(error instanceof NoAnswer) || error.message !== "already_in_channel") throw error;
  });
}
