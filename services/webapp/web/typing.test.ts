import { expect, test } from "vitest";
import { mayTell, sentence, stopped, typed } from "./typing.ts";

test("who types does so for five seconds, unless they send it before", () => {
  const both = typed(typed(new Map(), "U1", 0), "U2", 1_000);
  expect([...stopped(both, undefined, 5_500).keys()]).toEqual(["U2"]);
  expect([...stopped(both, "U2", 1_500).keys()]).toEqual(["U1"]);
  expect(stopped(both, undefined, 4_000)).toBe(both);
});

test("others are told every three seconds at most", () => {
  expect([mayTell(1_000, 3_999), mayTell(1_000, 4_000)]).toEqual([false, true]);
});

test.each([
  [[], ""],
  [["Ada"], "Ada is typing …"],
  [["Ada", "Grace"], "Ada and Grace are typing …"],
  [["Ada", "Grace", "Linus"], "Several people are typing …"],
])("%j", (names, text) => expect(sentence(names)).toBe(text));
