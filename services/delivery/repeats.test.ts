import { expect, test } from "vitest";
import { Repeats } from "./repeats.ts";

/** One connection has shown 1..4 of C1; the next one was asked for after 2, and is in use now. */
function handedOver(): Repeats {
  const repeats = new Repeats();
  for (const off of [1, 2]) repeats.expected("C1", off, `content ${off}`);
  repeats.ask();
  for (const off of [3, 4]) repeats.expected("C1", off, `content ${off}`);
  repeats.begin({ C1: 2 });
  return repeats;
}

/** Which of the events pass as repeats. */
const passing = (...events: readonly (readonly [off: number, content?: string])[]): number[] => {
  const repeats = handedOver();
  return events.filter(([off, content = `content ${off}`]) => repeats.expected("C1", off, content)).map(([off]) => off);
};

test("what the old connection has shown since the new one was asked for is expected once more, in order, and nothing else", () => {
  expect(passing([3], [4], [5])).toEqual([3, 4]);
  expect(passing([3], [3], [4])).toEqual([3]);
  expect(passing([4], [3])).toEqual([]);
  expect(passing([3], [5], [4])).toEqual([3]);
  expect(passing([2], [3])).toEqual([]);
  expect(passing([3, "another text"], [4])).toEqual([]);
});

test("after a gap nothing is expected", () => {
  const repeats = handedOver();
  repeats.end("C1");
  expect(repeats.expected("C1", 3, "content 3")).toBe(false);
});

test("where the old connection broke first there is nothing to repeat", () => {
  const repeats = new Repeats();
  repeats.expected("C1", 1, "content 1");
  repeats.ask();
  repeats.begin({ C1: 1 });
  expect(repeats.expected("C1", 1, "content 1")).toBe(false);
});
