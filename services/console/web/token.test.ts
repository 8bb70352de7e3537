import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { takeToken } from "./token.ts";

const kept = new Map<string, string>();
let address: { hash: string; pathname: string };

beforeEach(() => {
  address = { hash: "", pathname: "/console/" };
  vi.stubGlobal("location", address);
  vi.stubGlobal("history", { replaceState: () => void (address.hash = "") });
  vi.stubGlobal("sessionStorage", { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value) });
});
afterEach(() => {
  kept.clear();
  vi.unstubAllGlobals();
});

test("a token in the address is kept, and taken out of it", () => {
  address.hash = "#token=a-token%21";
  expect(takeToken()).toEqual({ token: "a-token!" });
  expect(address.hash).toBe("");
  expect(takeToken()).toEqual({ token: "a-token!" });
});

test.each([
  ["%", "The token in the address is not valid percent-encoding."],
  ["caf%C3%A9", "A token is visible ASCII characters without spaces."],
  ["two%20words", "A token is visible ASCII characters without spaces."],
  ["", "A token is visible ASCII characters without spaces."],
])("'%s' in the address is none: it is said why, kept nowhere, and taken out all the same", (text, why) => {
  address.hash = `#token=${text}`;
  expect(takeToken()).toEqual({ token: undefined, why });
  expect([address.hash, kept.size]).toEqual(["", 0]);
});
