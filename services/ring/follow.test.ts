import { beforeAll, expect, test, vi } from "vitest";
import type { Clock } from "../runtime/clock.ts";
import { followTopology, type Follower, type KvGet } from "./follow.ts";
import { DEV_KEY } from "./key.ts";
import { loadRingModule, type RingModule } from "./ring.ts";
import { sealTopology } from "./seal.ts";
import { encodeTopologyJson, parseTopology, type Topology } from "./topology.ts";

/** How long a topology rests before its tables are checked, and how often a slice of them is, ms. */
const [restMs, sliceEveryMs] = [1_000, 5];

let module: RingModule;
beforeAll(async () => {
  module = await loadRingModule(DEV_KEY);
});

const none = { servers: [], pins: [] };
function document(epoch: number, weight = 100): Uint8Array {
  const servers = [{ id: "cs-1", addr: "127.0.0.1:7001", zone: "", weight, state: "up" as const }];
  return sealTopology(module, { epoch, pools: { channel: { servers, pins: [] }, presence: none, gateway: none } }).json;
}

function changed(epoch: number, change: (doc: Topology) => Topology): Uint8Array {
  return encodeTopologyJson(change(parseTopology(document(epoch))));
}

/** The document of a charm whose ring is another one. */
function withTables({ pools, ...rest }: Topology): Topology {
  return { ...rest, pools: { ...pools, channel: { ...pools.channel, tableDigest: "0".repeat(16) } } };
}

/** A key of a registry with Consul's blocking reads; `put` wakes the reader. */
class Key {
  index = 1;
  value: Uint8Array | undefined;
  failures = 0;
  readonly asked: number[] = [];
  #wake: (() => void) | undefined;

  put(value: Uint8Array, index = this.index + 1): void {
    this.value = value;
    this.index = index;
    this.#wake?.();
  }

  readonly get: KvGet = async (_key, { index, signal }) => {
    this.asked.push(index);
    if (this.failures > 0) {
      this.failures--;
      throw new Error("registry is away");
    }
    if (index === this.index) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener("abort", () => resolve());
      });
    }
    return { index: this.index, value: this.value };
  };
}

/** A clock whose sleeps are noted and end at once, but those of `held` ms: these end when they are aborted, or by `release`. */
function noting(held?: number): { clock: Clock; sleeps: number[]; release: () => void } {
  const sleeps: number[] = [];
  const waiting: (() => void)[] = [];
  return {
    sleeps,
    release: () => waiting.splice(0).forEach((end) => end()),
    clock: {
      now: () => 0,
      sleep: (ms, signal) => {
        sleeps.push(ms);
        if (ms !== held || signal?.aborted === true) return Promise.resolve();
        return new Promise((resolve) => {
          waiting.push(resolve);
          signal?.addEventListener("abort", () => resolve());
        });
      },
    },
  };
}

interface Followed {
  follower: Follower;
  key: Key;
  epochs: number[];
  errors: unknown[];
  unconfirmed: unknown[];
  sleeps: number[];
  release: () => void;
}
async function following(run: (followed: Followed) => Promise<void>, prepare?: (key: Key) => void, held?: number): Promise<void> {
  const key = new Key();
  prepare?.(key);
  const { clock, sleeps, release } = noting(held);
  const unconfirmed: unknown[] = [];
  const epochs: number[] = [];
  const errors: unknown[] = [];
  const follower = followTopology({
    kvGet: key.get,
    module,
    clock,
    onView: (view) => epochs.push(view.epoch),
    onError: (error) => errors.push(error),
    onUnconfirmed: (error) => unconfirmed.push(error),
  });
  try {
    await run({ follower, key, epochs, errors, unconfirmed, sleeps, release });
  } finally {
    await follower.stop();
  }
}

test("each newer document becomes a view, in order", () =>
  following(async ({ follower, key, epochs, errors }) => {
    key.put(document(1));
    await vi.waitFor(() => expect(epochs).toEqual([1]));
    key.put(document(2));
    await vi.waitFor(() => expect(epochs).toEqual([1, 2]));
    expect(follower.view?.epoch).toBe(2);
    expect(follower.counters).toEqual({ applied: 2, rejected: 0, unconfirmed: 0 });
    expect(errors).toEqual([]);
  }));

test.each<[string, () => Uint8Array]>([
  ["bad_json", () => Buffer.from("{")],
  ["bad_version", () => Buffer.from('{"v":2}')],
  ["epoch_too_low", () => document(4)],
  ["epoch_reused", () => document(5, 7)],
  ["wrong_key", () => Buffer.from(Buffer.from(document(6)).toString().replace(module.keyId, "00000000"))],
  ["digest_mismatch", () => Buffer.from(Buffer.from(document(6)).toString().replace('"weight":100', '"weight":0'))],
  ["digest_mismatch", () => changed(6, ({ digest: _, ...rest }) => withTables(rest))],
])("a document that is %s is counted and reported, and the last good one stays", (reason, bad) =>
  following(async ({ follower, key, epochs, errors }) => {
    key.put(document(5));
    await vi.waitFor(() => expect(epochs).toEqual([5]));
    key.put(bad());
    await vi.waitFor(() => expect(errors).toMatchObject([{ reason }]));
    expect(follower.view?.epoch).toBe(5);
    expect(follower.counters).toEqual({ applied: 1, rejected: 1, unconfirmed: 0 });
    key.put(document(7));
    await vi.waitFor(() => expect(epochs).toEqual([5, 7]));
  }),
);

test("of a document that is whole, the tables are checked when it is in use: who can't confirm them says so and goes on", () =>
  following(async ({ follower, key, epochs, errors, unconfirmed }) => {
    key.put(document(5));
    await vi.waitFor(() => expect(epochs).toEqual([5]));
    key.put(changed(6, withTables));
    await vi.waitFor(() => expect(unconfirmed).toMatchObject([{ reason: "digest_mismatch", path: "pools.channel.tableDigest" }]));
    expect([epochs, errors]).toEqual([[5, 6], []]);
    expect(follower.counters).toEqual({ applied: 2, rejected: 0, unconfirmed: 1 });
  }));

test("the tables of a topology that was replaced before it came to rest are not checked", () =>
  following(
    async ({ key, epochs, unconfirmed, sleeps, release }) => {
      key.put(document(5));
      await vi.waitFor(() => expect(epochs).toEqual([5]));
      key.put(changed(6, withTables));
      await vi.waitFor(() => expect(sleeps).toContain(restMs));
      key.put(document(7, 50));
      await vi.waitFor(() => expect(sleeps.filter((ms) => ms === restMs)).toHaveLength(2));
      release();
      await vi.waitFor(() => expect(sleeps.filter((ms) => ms === sliceEveryMs).length).toBeGreaterThan(60)); // of 7: it has tables to look up
      expect(unconfirmed).toEqual([]);
    },
    undefined,
    restMs,
  ));

test("stop ends a check that waits", () =>
  following(
    async ({ key, epochs, sleeps }) => {
      key.put(document(5));
      await vi.waitFor(() => expect(epochs).toEqual([5]));
      key.put(changed(6, withTables));
      await vi.waitFor(() => expect(sleeps).toContain(restMs));
    },
    undefined,
    restMs,
  ));

test("the same document again, as after a registry's restart, is no news", () =>
  following(async ({ follower, key, epochs }) => {
    key.put(document(5), 40);
    await vi.waitFor(() => expect(epochs).toEqual([5]));
    key.put(document(5), 3);
    await vi.waitFor(() => expect(key.asked.at(-1)).toBe(3));
    expect(follower.counters).toEqual({ applied: 1, rejected: 0, unconfirmed: 0 });
    expect(key.asked.slice(-2)).toEqual([0, 3]);
  }));

test("a registry that fails is asked again, after pauses that double up to five seconds, and told of once", () =>
  following(
    async ({ key, epochs, errors, sleeps }) => {
      key.put(document(1));
      await vi.waitFor(() => expect(epochs).toEqual([1]));
      expect(errors).toHaveLength(1);
      expect(sleeps).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    },
    (key) => {
      key.failures = 8;
    },
  ));

test("stop ends a waiting poll, and nothing is called afterwards", async () => {
  let seen: number[] = [];
  await following(async ({ key, epochs }) => {
    seen = epochs;
    key.put(document(1));
    await vi.waitFor(() => expect(epochs).toEqual([1]));
    await vi.waitFor(() => expect(key.asked.at(-1)).toBe(key.index));
  });
  expect(seen).toEqual([1]);
});
