import { RingwayError } from "@ringway/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Retries } from "./retries.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const refusedFor = (ms?: number): Error => new RingwayError("ratelimited", ms);

/** Retries, and what they told. @param state.left tries that fail yet, with `error` */
function retries(): { it: Retries; tries: string[]; failed: unknown[]; done: number[]; state: { left: number; error: Error; connected: boolean }; work: (key: string) => () => Promise<void> } {
  const tries: string[] = [];
  const failed: unknown[] = [];
  const done: number[] = [];
  const state = { left: 0, error: refusedFor(), connected: true };
  const it = new Retries({ isConnected: () => state.connected, failed: (error) => failed.push(error), done: (left) => done.push(left) });
  const work = (key: string) => async (): Promise<void> => {
    tries.push(key);
    if (state.left-- > 0) throw state.error;
  };
  return { it, tries, failed, done, state, work };
}

test("what fails is tried again, ever more seldom, until it succeeds; its failure is told once", async () => {
  const { it, tries, failed, done, state, work } = retries();
  state.left = 5;
  it.ask("a", work("a"));
  await vi.advanceTimersByTimeAsync(120_000);
  expect([tries.length, failed.length, done, it.has("a")]).toEqual([6, 1, [0], false]);
});

test("nobody comes before the time that the server gave, neither on a new connection nor when somebody asks", async () => {
  const { it, tries, state, work } = retries();
  Object.assign(state, { left: 1, error: refusedFor(60_000) });
  it.ask("a", work("a"));
  await vi.advanceTimersByTimeAsync(59_000);
  it.connected();
  it.ask("a", work("a"), true);
  await vi.advanceTimersByTimeAsync(0);
  expect(tries).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(tries).toHaveLength(2);
});

test("without a connection nothing is tried again; with the next one all is, at once", async () => {
  const { it, tries, state, work } = retries();
  Object.assign(state, { left: 2, connected: false });
  it.ask("a", work("a"));
  it.ask("b", work("b"));
  await vi.advanceTimersByTimeAsync(120_000);
  expect(tries).toEqual(["a", "b"]);
  state.connected = true;
  it.connected();
  await vi.advanceTimersByTimeAsync(0);
  expect(tries).toEqual(["a", "b", "a", "b"]);
});

test("four run at once, and what somebody waits for is the next", async () => {
  const { it, tries } = retries();
  const held: (() => void)[] = [];
  const work = (key: string) => (): Promise<void> => new Promise((resolve) => (tries.push(key), held.push(resolve)));
  for (const key of ["a", "b", "c", "d", "e", "f"]) it.ask(key, work(key));
  it.ask("g", work("g"), true);
  expect(tries).toEqual(["a", "b", "c", "d"]);
  held[0]!();
  await vi.advanceTimersByTimeAsync(0);
  expect(tries.slice(4)).toEqual(["g"]);
});

test("what is asked for while it runs is done once more; what is dropped is not", async () => {
  const { it, tries, state, work } = retries();
  for (const key of ["a", "a", "a"]) it.ask(key, work(key));
  await vi.advanceTimersByTimeAsync(0);
  expect(tries).toEqual(["a", "a"]);
  state.left = 1;
  it.ask("b", work("b"));
  await vi.advanceTimersByTimeAsync(0);
  it.drop("b");
  it.connected();
  await vi.advanceTimersByTimeAsync(120_000);
  expect(tries).toEqual(["a", "a", "b"]);
});
