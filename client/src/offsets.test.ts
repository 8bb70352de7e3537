import { expect, test } from "vitest";
import { Offsets } from "./offsets.ts";

test("an event is shown once, however often it comes, and the client resumes after the last", () => {
  const offsets = new Offsets();
  expect([5, 6, 5, 6, 7].map((offset) => offsets.take("C1", offset))).toEqual([true, true, false, false, true]);
  expect(offsets.toResume()).toEqual({ C1: 7 });
});

test("own messages count where they are next, and wait where something is still missing before them", () => {
  const offsets = new Offsets();
  offsets.take("C1", 5);
  offsets.own("C1", 6);
  expect(offsets.toResume()).toEqual({ C1: 6 });
  offsets.own("C1", 8);
  offsets.own("C1", 9);
  expect(offsets.toResume()).toEqual({ C1: 6 });
  expect(offsets.take("C1", 7)).toBe(true);
  expect(offsets.toResume()).toEqual({ C1: 9 });
  expect(offsets.take("C1", 8)).toBe(false);
});

test("an own message is no reason to pass over what comes before it in a channel not seen yet", () => {
  const offsets = new Offsets();
  offsets.own("C1", 10);
  expect(offsets.toResume()).toEqual({ C1: 9 });
  expect(offsets.take("C1", 9)).toBe(true);
  expect(offsets.toResume()).toEqual({ C1: 10 });
  offsets.own("C2", 5);
  expect([5, 6].map((offset) => offsets.take("C2", offset))).toEqual([false, true]);
});

test("after a gap it goes on behind it", () => {
  const offsets = new Offsets();
  offsets.take("C1", 5);
  offsets.own("C1", 9);
  offsets.gap("C1", 100);
  expect([offsets.take("C1", 100), offsets.take("C1", 101)]).toEqual([false, true]);
});

test("of more channels than may be resumed, those that moved last are", () => {
  const offsets = new Offsets();
  for (let i = 0; i < 6_000; i++) offsets.take(`C${i}`, 1);
  offsets.take("C0", 2);
  const resumed = offsets.toResume();
  expect(Object.keys(resumed)).toHaveLength(5_000);
  expect([resumed["C0"], resumed["C1"], resumed["C5999"]]).toEqual([2, undefined, 1]);
});
