import { expect, test } from "vitest";
import { Latest } from "./latest.ts";

test("of several questions only the newest one's answer counts", () => {
  const questions = new Latest();
  const first = questions.next();
  expect(first()).toBe(true);
  const second = questions.next();
  expect([first(), second()]).toEqual([false, true]);
});
