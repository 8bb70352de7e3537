/** Runs the effects that ask the store, and turns its answers into events. */
import { StoreUnavailable, type LogStore } from "../store/log.ts";
import type { Effect, Event, Found } from "./events.ts";

export type StoreEffect = Extract<Effect, { type: "claim" | "check" | "load" | "lookup" | "append" }>;

/**
 * @param failed told why the store did not answer
 * @returns the event that answers the effect; a store that fails is an answer too
 */
export async function runAtStore(effect: StoreEffect, store: LogStore, server: string, failed: (cause: StoreUnavailable) => void): Promise<Event> {
  const orUndefined = <T>(answer: Promise<T>): Promise<T | undefined> =>
    answer.catch((error: unknown) => {
      if (!(error instanceof StoreUnavailable)) throw error;
      failed(error);
      return undefined;
    });
  switch (effect.type) {
    case "claim":
      return { type: "claimed", slot: effect.slot, fence: await orUndefined(store.claim(effect.slot, server)) };
    case "check":
      return { type: "checked", check: effect.check, slots: effect.slots, fences: await orUndefined(fences(effect.slots, store)) };
    case "load": {
      const found = await orUndefined(store.head(effect.channel));
      return { type: "loaded", channel: effect.channel, load: effect.load, head: found?.head, lastTs: found?.lastTs ?? "" };
    }
    case "lookup":
      return { type: "lookedUp", channel: effect.channel, lookup: effect.lookup, found: await orUndefined(find(effect, store)) };
    case "append": {
      const { channel, slot, fence, lastTs, entries, append } = effect;
      const appended = await orUndefined(store.append({ channel, slot, fence, lastTs, entries }));
      return { type: "appended", channel, append, result: appended === undefined ? "unavailable" : appended.ok ? "ok" : appended.reason };
    }
  }
}

async function fences(slots: readonly number[], store: LogStore): Promise<Map<number, number>> {
  const claims = await Promise.all(slots.map((slot) => store.claimed(slot)));
  return new Map(slots.map((slot, i) => [slot, claims[i]!.fence]));
}

async function find({ channel, keys, messages }: Extract<Effect, { type: "lookup" }>, store: LogStore): Promise<Found> {
  const [entries, texts] = await Promise.all([
    Promise.all(keys.map((key) => store.byKey(channel, key))),
    Promise.all(messages.map((ts) => store.message(channel, ts))),
  ]);
  return { keys: present(keys, entries), messages: present(messages, texts) };
}

function present<T>(names: readonly string[], values: readonly (T | undefined)[]): Map<string, T> {
  return new Map(names.flatMap((name, i) => (values[i] === undefined ? [] : [[name, values[i]] as [string, T]])));
}
