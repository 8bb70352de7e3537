import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { onceAFrame } from "./frames.ts";

let frames: Map<number, () => void>;
beforeEach(() => {
  vi.useFakeTimers();
  frames = new Map();
  let id = 0;
  vi.stubGlobal("requestAnimationFrame", (work: () => void) => (frames.set(++id, work), id));
  vi.stubGlobal("cancelAnimationFrame", (which: number) => frames.delete(which));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});
const frame = (): void => [...frames.values()].forEach((work) => work());

test("a message and what is told beside it are drawn once, with the next frame", () => {
  const draw = vi.fn();
  const ask = onceAFrame(draw);
  ask();
  ask();
  expect(draw).not.toHaveBeenCalled();
  frame();
  expect(draw).toHaveBeenCalledTimes(1);
  vi.runAllTimers();
  expect(draw).toHaveBeenCalledTimes(1);
  ask();
  frame();
  expect(draw).toHaveBeenCalledTimes(2);
});

test("a window that is hidden has no frames, and is drawn all the same: its title counts", () => {
  const draw = vi.fn();
  onceAFrame(draw)();
  vi.runAllTimers();
  expect([draw.mock.calls.length, frames.size]).toEqual([1, 0]);
});
