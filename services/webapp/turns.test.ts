import { expect, test } from "vitest";
import { Turns } from "./turns.ts";

/** An action that runs until it is let go. */
function held<T>(value: T): { readonly action: () => Promise<T>; readonly go: () => void; readonly hasBegun: () => boolean } {
  let begun = false;
  let go = (): void => {};
  const gone = new Promise<void>((resolve) => (go = resolve));
  return { action: async () => ((begun = true), await gone, value), go: () => go(), hasBegun: () => begun };
}

test("actions of one key run one after the other, in order; those of another do not wait", async () => {
  const turns = new Turns();
  const [first, second, other] = [held(1), held(2), held(3)];
  const done = [turns.run("a", first.action), turns.run("a", second.action), turns.run("b", other.action)];
  other.go();
  expect(await done[2]).toBe(3);
  expect([first.hasBegun(), second.hasBegun()]).toEqual([true, false]);
  second.go();
  first.go();
  expect(await Promise.all(done)).toEqual([1, 2, 3]);
  expect(["a", "b"].map((key) => turns.isBusy(key))).toEqual([false, false]);
});

test("an action that fails tells its caller and lets the next one run", async () => {
  const turns = new Turns();
  const failing = turns.run("a", () => Promise.reject(new Error("no")));
  const next = turns.run("a", () => Promise.resolve("yes"));
  await expect(failing).rejects.toThrow("no");
  expect(await next).toBe("yes");
});

test("a ninth at one key is told ratelimited, one at another key is not", async () => {
  const turns = new Turns();
  const first = held(0);
  const waiting = [first.action, ...Array.from({ length: 7 }, (_, i) => () => Promise.resolve(i + 1))].map((action) => turns.run("a", action));
  await expect(turns.run("a", () => Promise.resolve(9))).rejects.toMatchObject({ code: "ratelimited" });
  expect(await turns.run("b", () => Promise.resolve("other"))).toBe("other");
  first.go();
  expect(await Promise.all(waiting)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(await turns.run("a", () => Promise.resolve("again"))).toBe("again");
});
