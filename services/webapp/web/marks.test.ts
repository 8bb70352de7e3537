import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Marks } from "./marks.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Marks, what was told of them, and how the telling ends. */
function marks(): { it: Marks; told: string[]; state: { fails: boolean } } {
  const told: string[] = [];
  const state = { fails: false };
  const it = new Marks(async (channel, ts) => {
    told.push(`${channel} ${ts}`);
    if (state.fails) throw new Error("refused");
  });
  return { it, told, state };
}

test("the last mark of each channel is told, together, and once", async () => {
  const { it, told } = marks();
  it.add("C1", "1");
  it.add("C1", "2");
  it.add("C2", "1");
  expect(told).toEqual([]);
  await vi.runAllTimersAsync();
  expect(told).toEqual(["C1 2", "C2 1"]);
  it.flush();
  expect(told).toHaveLength(2);
});

test("they are told at once where there may be no later", async () => {
  const { it, told } = marks();
  it.add("C1", "1");
  it.flush();
  it.flush();
  await vi.runAllTimersAsync();
  expect(told).toEqual(["C1 1"]);
});

test("one that failed is told again with the next, unless another window was further by then, or the channel was left", async () => {
  const { it, told, state } = marks();
  state.fails = true;
  for (const channel of ["C1", "C2", "C3"]) it.add(channel, "1");
  await vi.runAllTimersAsync();
  state.fails = false;
  it.told("C2", "2");
  it.drop("C3");
  it.add("C4", "1");
  await vi.runAllTimersAsync();
  expect(told.slice(3)).toEqual(["C1 1", "C4 1"]);
});
