/**
 * The store of the plane: what survives every crash. It keeps the log's contract (services/store/log.ts); calls take time,
 * are carried out in the order in which they arrive, and are carried out also where the caller died or nobody hears the answer.
 */
import type { Append, Appended, Entry, Head } from "../../services/store/log.ts";
import { tsKey } from "../../services/store/ts.ts";
import type { Kernel } from "./kernel.ts";
import type { Network } from "./network.ts";
import type { Process } from "./process.ts";
import type { Random } from "./random.ts";

interface ChannelLog {
  readonly entries: Entry[];
  readonly keys: Map<string, number>;
  readonly messages: Map<string, Uint8Array>;
}

/** The engine: everything at once and in memory. */
export class SimLog {
  readonly #claims = new Map<number, { fence: number; owner: string }>();
  readonly #logs = new Map<string, ChannelLog>();

  claim(slot: number, owner: string): number {
    const fence = (this.#claims.get(slot)?.fence ?? 0) + 1;
    this.#claims.set(slot, { fence, owner });
    return fence;
  }

  claimed(slot: number): { readonly fence: number; readonly owner: string } {
    return this.#claims.get(slot) ?? { fence: 0, owner: "" };
  }

  append({ channel, slot, fence, lastTs, entries }: Append): Appended {
    if (this.claimed(slot).fence !== fence) return { ok: false, reason: "fenced" };
    const log: ChannelLog = this.#logs.get(channel) ?? { entries: [], keys: new Map(), messages: new Map() };
    if (entries.length === 0) return { ok: true };
    const last = log.entries.at(-1);
    const follows = entries[0]!.offset === log.entries.length + 1 && (lastTs === undefined || lastTs === (last?.ts ?? ""));
    const fresh = (last === undefined || tsKey(entries[0]!.ts) > tsKey(last.ts)) && !entries.some(({ key }) => log.keys.has(key));
    if (!follows || !fresh) return { ok: false, reason: "conflict" };
    this.#logs.set(channel, log);
    for (const { view, ...entry } of entries) {
      log.entries.push(entry);
      log.keys.set(entry.key, entry.offset);
      if (view?.message === null) log.messages.delete(view.ts);
      else if (view !== undefined) log.messages.set(view.ts, view.message);
    }
    return { ok: true };
  }

  head(channel: string): Head {
    const last = this.entries(channel).at(-1);
    return { head: last?.offset ?? 0, lastTs: last?.ts ?? "", first: 1 };
  }

  byKey(channel: string, key: string): Entry | undefined {
    const offset = this.#logs.get(channel)?.keys.get(key);
    return offset === undefined ? undefined : this.entries(channel)[offset - 1];
  }

  message(channel: string, ts: string): Uint8Array | undefined {
    return this.#logs.get(channel)?.messages.get(ts);
  }

  after(channel: string, after: number, limit: number): Entry[] {
    return this.entries(channel).slice(after, after + limit);
  }

  /** All of a channel, in order. */
  entries(channel: string): readonly Entry[] {
    return this.#logs.get(channel)?.entries ?? [];
  }

  channels(): string[] {
    return [...this.#logs.keys()];
  }
}

/** The way to the engine. */
export class Store {
  readonly log = new SimLog();
  readonly #kernel: Kernel;
  readonly #net: Network;
  readonly #random: Random;
  /** how long each half of a call takes at most, ms */
  slowMs = 2;
  /** share of the calls that fail */
  failing = 0;
  /** a caller's writes are carried out in order */
  readonly #lastAt = new Map<Process, number>();

  constructor(kernel: Kernel, net: Network, random: Random) {
    this.#kernel = kernel;
    this.#net = net;
    this.#random = random;
  }

  read<T>(from: Process, action: (log: SimLog) => T, done: (value: T | undefined) => void): void {
    const fails = this.#fails(from);
    this.#kernel.after(this.#random.between(0.1, this.slowMs), () => {
      const value = fails ? undefined : action(this.log);
      this.#kernel.after(this.#random.between(0.1, 1), () => from.post(() => done(value)));
    });
  }

  /**
   * A write is visible before it is known to be durable.
   * @param done undefined where the store is unavailable: it was carried out, or not, or will be later
   */
  write<T>(from: Process, action: (log: SimLog) => T, done: (value: T | undefined) => void): void {
    const fails = this.#fails(from);
    const fate = fails ? this.#random.pick(["never", "done", "late"] as const) : "done";
    const soon = this.#kernel.now + this.#random.between(0.1, this.slowMs);
    const at = Math.max(fate === "late" ? soon + this.#random.between(0, 3_000) : soon, this.#lastAt.get(from) ?? 0);
    if (fate !== "never") this.#lastAt.set(from, at);
    if (fails) this.#kernel.at(soon + this.#random.between(0.1, this.slowMs), () => from.post(() => done(undefined)));
    if (fate === "never") return;
    this.#kernel.at(at, () => {
      const value = action(this.log);
      if (!fails) this.#kernel.after(this.#random.between(0.1, this.slowMs), () => from.post(() => done(value)));
    });
  }

  #fails(from: Process): boolean {
    return this.#net.isCut([from.place, "store"]) || (this.failing > 0 && this.#random.chance(this.failing));
  }
}
