/** Runs the effects that ask the store, and turns its answers into events. */
import { StoreUnavailable, type LogStore } from "../store/log.ts";
import type { Effect, Event } from "./events.ts";

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
      return { type: "checked", check: effect.check, slots: effect.slots, fences: await orUndefined(store.fences(effect.slots)) };
    case "load": {
      const found = await orUndefined(store.head(effect.channel));
      return { type: "loaded", channel: effect.channel, load: effect.load, head: found?.head, lastTs: found?.lastTs ?? "" };
    }
    case "lookup":
      return { type: "lookedUp", channel: effect.channel, lookup: effect.lookup, found: await orUndefined(store.find(effect.channel, effect.keys, effect.messages)) };
    case "append": {
      const { channel, slot, fence, lastTs, entries, append } = effect;
      const appended = await orUndefined(store.append({ channel, slot, fence, lastTs, entries }));
      return { type: "appended", channel, append, result: appended === undefined ? "unavailable" : appended.ok ? "ok" : appended.reason };
    }
  }
}
