import { expect, test } from "vitest";
import { LastAnswers } from "./last-answers.ts";

test("the last answer of a peer stands in for one that does not come, marked, and not for ever", () => {
  const last = new LastAnswers<number>(10_000);
  const take = (asked: string[], answers: Record<string, number>, now: number): unknown => Object.fromEntries(last.take(asked, new Map(Object.entries(answers)), now));
  expect(take(["a", "b"], { a: 1 }, 0)).toEqual({ a: { answer: 1, stale: false } });
  expect(take(["a", "b"], { b: 2 }, 5_000)).toEqual({ a: { answer: 1, stale: true }, b: { answer: 2, stale: false } });
  expect(take(["a", "b"], {}, 10_001)).toEqual({ b: { answer: 2, stale: true } });
});

test("a peer that is not asked any more is forgotten", () => {
  const last = new LastAnswers<number>(10_000);
  last.take(["a"], new Map([["a", 1]]), 0);
  last.take([], new Map(), 1_000);
  expect(last.take(["a"], new Map(), 2_000).size).toBe(0);
});
