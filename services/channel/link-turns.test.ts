import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { systemClock, type Clock } from "../runtime/clock.ts";
import { LinkTurns } from "./link-turns.ts";

/** One in which the sleeper is woken when the test says so. */
class Steps {
  #wake = (): void => {};
  readonly clock: Clock = { ...systemClock, sleep: () => new Promise((resolve) => (this.#wake = resolve)) };
  async look(): Promise<void> {
    this.#wake();
    await turn();
  }
}

/** A link whose queue has room where the test says so, and who got a turn on it. */
function link(clock: Clock = systemClock): { state: { room: boolean }; turns: LinkTurns; begin(name: string): void; log: string[] } {
  const state = { room: true };
  const turns = new LinkTurns(() => state.room, clock);
  const log: string[] = [];
  return { state, turns, log, begin: (name) => void turns.begin().then((mine) => log.push(mine ? name : `${name} is over`)) };
}
const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `${i}`);

test("a few have their turn at a time, in the order they came", async () => {
  const { turns, begin, log } = link();
  for (const name of names(12)) begin(name);
  await turn();
  expect(log).toEqual(names(8));
  turns.end();
  turns.end();
  await turn();
  expect(log).toEqual(names(10));
});

test("who comes to a full link waits until it has room, or is over", async () => {
  const { state, turns, begin, log } = link();
  state.room = false;
  begin("first");
  begin("second");
  await systemClock.sleep(20);
  expect(log).toEqual([]);
  state.room = true;
  await expect.poll(() => log).toEqual(["first", "second"]);
  state.room = false;
  begin("third");
  turns.close();
  begin("fourth");
  await turn();
  expect(log.slice(2)).toEqual(["third is over", "fourth is over"]);
});

test("a turn that filled the link holds the next up", async () => {
  const { state, turns, begin, log } = link();
  for (const name of names(9)) begin(name);
  state.room = false;
  for (const _ of names(8)) turns.end();
  await systemClock.sleep(20);
  expect(log).toEqual(names(8));
  state.room = true;
  await expect.poll(() => log).toEqual(names(9));
});

test("on a link that never has room one goes all the same when two seconds were waited, and the next waits as long again", async () => {
  const steps = new Steps();
  const { state, turns, begin, log } = link(steps.clock);
  state.room = false;
  begin("first");
  begin("second");
  for (let looks = 0; looks < 399; looks++) await steps.look();
  expect(log).toEqual([]);
  await steps.look();
  expect(log).toEqual(["first"]);
  turns.end();
  for (let looks = 0; looks < 399; looks++) await steps.look();
  expect(log).toEqual(["first"]);
  await steps.look();
  expect(log).toEqual(["first", "second"]);
});
