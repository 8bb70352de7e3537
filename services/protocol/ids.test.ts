import { expect, test } from "vitest";
import { isId, userOfTicket } from "./ids.ts";

test("an ID is 1 to 64 of letters, digits, - and _", () => {
  expect(["C0GENERAL", "a", "x".repeat(64), "cs-0_b"].map(isId)).toEqual([true, true, true, true]);
  expect(["", "x".repeat(65), "a.b", "a/b", "ä", "a b", "a\u0000"].map(isId)).toEqual([false, false, false, false, false, false, false]);
});

test("a ticket names its user before the first dot", () => {
  expect(userOfTicket("U0ADA.secret.with.dots")).toBe("U0ADA");
  expect(["", ".", "U0ADA", "U0ADA.", ".secret", "a b.c", `U0ADA.${"x".repeat(300)}`].map(userOfTicket)).toEqual(Array(7).fill(undefined));
});
