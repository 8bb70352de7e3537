import type { Hops } from "../protocol/link.ts";
import type { Publish } from "../protocol/mesh.ts";
import type { Entry } from "../store/log.ts";
import { bytesOf } from "./backlog.ts";
import type { AppendResult, Asker } from "./events.ts";

/** A publication that somebody waits for. */
export interface Job {
  readonly asker: Asker;
  readonly publish: Publish;
  readonly hops: Omit<Hops, "stored">;
  /** how often it was appended in vain */
  tries: number;
}

/** A publication that has its offset and is on its way to the store. */
export interface Assigned {
  readonly job: Job;
  readonly entry: Entry;
  readonly message: Uint8Array | undefined;
  /** the same key, published again meanwhile */
  readonly followers: Job[];
  /** it is durable, and its job and followers are answered */
  landed: boolean;
}

/** One append on its way. */
export interface Flight {
  readonly append: number;
  readonly list: readonly Assigned[];
  readonly bytes: number;
  result: AppendResult | undefined;
}

/**
 * A channel's appends on their way, in order, and what they will have changed when they land: later publications see
 * the keys and messages of earlier ones here before the store shows them.
 */
export class Flights {
  readonly #list: Flight[] = [];
  readonly #keys = new Map<string, Assigned>();
  /** ts → JSON of the message after the newest flight that changes it; null where it is deleted */
  readonly #messages = new Map<string, { readonly json: Uint8Array | null; readonly offset: number }>();
  /** landed, but kept in sight while a look-up that began before may not have seen them */
  #landed: Assigned[] = [];

  /** of what is on its way */
  get bytes(): number {
    return this.#list.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  get empty(): boolean {
    return this.#list.length === 0;
  }

  /** Appends that are not known to have failed still count on it. */
  get failing(): boolean {
    return this.#list.some(({ result }) => result !== undefined && result !== "ok");
  }

  get settled(): boolean {
    return this.#list.every(({ result }) => result !== undefined);
  }

  byKey(key: string): Assigned | undefined {
    return this.#keys.get(key);
  }

  /** @returns undefined where no flight changes it */
  message(ts: string): { readonly json: Uint8Array | null } | undefined {
    return this.#messages.get(ts);
  }

  /** Makes an assigned publication visible to the ones after it. */
  show(assigned: Assigned): void {
    this.#keys.set(assigned.entry.key, assigned);
    const { view, offset } = assigned.entry;
    if (view !== undefined) this.#messages.set(view.ts, { json: view.message, offset });
  }

  depart(append: number, list: readonly Assigned[]): void {
    this.#list.push({ append, list, bytes: list.reduce((sum, { entry }) => sum + bytesOf(entry), 0), result: undefined });
  }

  arrive(append: number, result: AppendResult): void {
    const flight = this.#list.find((one) => one.append === append);
    if (flight !== undefined) flight.result = result;
  }

  /** The first flight, if it is durable: it leaves the list and stays in sight until `forget`. */
  land(): Flight | undefined {
    if (this.#list[0]?.result !== "ok") return undefined;
    const flight = this.#list.shift()!;
    for (const assigned of flight.list) assigned.landed = true;
    this.#landed.push(...flight.list);
    return flight;
  }

  /** All flights, for one of them has failed and all have arrived; nothing is in sight any more. */
  clear(): Flight[] {
    this.#keys.clear();
    this.#messages.clear();
    this.#landed = [];
    return this.#list.splice(0);
  }

  /** No look-up is under way that began before the landed ones were durable: the store shows them. */
  forget(): void {
    for (const { entry } of this.#landed) {
      if (this.#keys.get(entry.key)?.entry === entry) this.#keys.delete(entry.key);
      if (entry.view !== undefined && this.#messages.get(entry.view.ts)?.offset === entry.offset) this.#messages.delete(entry.view.ts);
    }
    this.#landed = [];
  }
}
