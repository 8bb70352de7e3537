/**
 * Keeps a process on the newest topology: long-polls the registry's key, checks, keeps the last good one.
 *
 * A document with a digest of its own is taken at once: the tables behind its table digests, of which the first topology's
 * are looked up before it is taken, need 10–40 ms of CPU in every process at the very moment when slots move. They are
 * looked up when the topology is at rest.
 */
import { TOPOLOGY_KEY } from "../protocol/topology.ts";
import { systemClock, type Clock } from "../runtime/clock.ts";
import { verifyTables, type RingModule, type RingView } from "./ring.ts";
import { encodeTopologyJson, parseTopology, TopologyError } from "./topology.ts";

/** Longest that one poll waits for a change, ms. */
const WAIT_MS = 30_000;
/** First and longest pause after a registry that fails, ms; it doubles in between. */
const BACKOFF_MS = 100;
const BACKOFF_MAX_MS = 5_000;
/** Pause after an answer that brings nothing, ms: a registry that does not wait must not make us spin. */
const IDLE_MS = 50;
/** A topology that stays so long is at rest, ms; then a slice of its tables is looked up this often, ms. */
const REST_MS = 1_000;
const SLICE_EVERY_MS = 5;

/** Consul's blocking query: answers once the key's index is beyond `index`, or after `waitMs`. */
export type KvGet = (
  key: string,
  query: { readonly index: number; readonly waitMs: number; readonly signal: AbortSignal },
) => Promise<{ readonly index: number; readonly value: Uint8Array | undefined }>;

export interface FollowOptions {
  readonly kvGet: KvGet;
  readonly module: RingModule;
  /** Called once per new topology, in order of epoch. */
  readonly onView: (view: RingView) => void;
  /** A TopologyError for a document that was rejected, anything else for a registry that failed, once per cause. The follower goes on. */
  readonly onError: (error: unknown) => void;
  /** The topology in use has other tables by this process than by charm: one of them is another build. It stays in use. */
  readonly onUnconfirmed: (error: unknown) => void;
  readonly clock?: Clock;
}

export interface Follower {
  /** The last good topology. */
  readonly view: RingView | undefined;
  readonly counters: { readonly applied: number; readonly rejected: number; readonly unconfirmed: number };
  /** Ends the poll; nothing is called once this has resolved. */
  stop(): Promise<void>;
}

/** Starts to follow `ringway/topology`. */
export function followTopology(options: FollowOptions): Follower {
  const { kvGet, module, onView, onError, onUnconfirmed, clock = systemClock } = options;
  const abort = new AbortController();
  const { signal } = abort;
  const counters = { applied: 0, rejected: 0, unconfirmed: 0 };
  let view: RingView | undefined;
  /** the last document that was looked at, taken or not */
  let seen: Uint8Array | undefined;

  /** the check of the topology in use, and its end */
  let confirming = Promise.resolve();
  let superseded = new AbortController();

  /** Checks the tables of a topology in use, unless a newer one comes. */
  const confirm = async (used: RingView, over: AbortSignal): Promise<void> => {
    const turn = (ms: number) => async (): Promise<boolean> => {
      await clock.sleep(ms, over);
      return !over.aborted;
    };
    if (!(await turn(REST_MS)())) return;
    await verifyTables(used, turn(SLICE_EVERY_MS)).catch((error: unknown) => {
      counters.unconfirmed++;
      onUnconfirmed(error);
    });
  };

  const take = async (bytes: Uint8Array): Promise<void> => {
    if (seen !== undefined && Buffer.compare(seen, bytes) === 0) return;
    seen = bytes;
    try {
      const next = parseTopology(bytes);
      if (view !== undefined && next.epoch <= view.epoch) {
        if (Buffer.compare(encodeTopologyJson(next), encodeTopologyJson(view.topology)) === 0) return;
        const reason = next.epoch < view.epoch ? "epoch_too_low" : "epoch_reused";
        throw new TopologyError("epoch", reason, `is ${next.epoch}, this process is at ${view.epoch}`);
      }
      const confirmed = view === undefined || next.digest === undefined;
      const built = await (confirmed ? module.buildVerified(next, view) : module.build(next, view));
      if (signal.aborted) return built.dispose();
      view = built;
      counters.applied++;
      superseded.abort();
      superseded = new AbortController();
      const over = AbortSignal.any([superseded.signal, signal]);
      if (!confirmed) confirming = confirming.then(() => confirm(built, over));
    } catch (error) {
      counters.rejected++;
      onError(error);
      return;
    }
    onView(view);
  };

  const run = async (): Promise<void> => {
    let index = 0;
    let backoffMs = BACKOFF_MS;
    let trouble = "";
    while (!signal.aborted) {
      try {
        const answer = await kvGet(TOPOLOGY_KEY, { index, waitMs: WAIT_MS, signal });
        if (signal.aborted) return;
        backoffMs = BACKOFF_MS;
        trouble = "";
        if (answer.value !== undefined) await take(answer.value);
        if (answer.index === index) await clock.sleep(IDLE_MS, signal);
        // An index that went back is that of a registry that began anew: so do we.
        index = answer.index < index ? 0 : answer.index;
      } catch (error) {
        if (signal.aborted) return;
        const said = error instanceof Error ? error.message : String(error);
        if (said !== trouble) onError(error);
        trouble = said;
        await clock.sleep(backoffMs, signal);
        index = 0;
        backoffMs = Math.min(2 * backoffMs, BACKOFF_MAX_MS);
      }
    }
  };
  const running = run();

  return {
    get view() {
      return view;
    },
    counters,
    async stop() {
      abort.abort();
      await running;
      await confirming;
    },
  };
}
