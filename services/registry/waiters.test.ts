import { expect, test } from "vitest";
import { Waiters } from "./waiters.ts";

const never = new AbortController().signal;

test("a wake reaches all who wait for the topic, and nobody else", async () => {
  const waiters = new Waiters(10);
  const done: string[] = [];
  const wait = (topic: string, name: string): Promise<unknown> => waiters.wait(topic, 60_000, never).then(() => done.push(name));
  const both = [wait("a", "first"), wait("a", "second")];
  const other = wait("b", "other");
  waiters.wake("a");
  await Promise.all(both);
  expect([done, waiters.count, waiters.topics()]).toEqual([["first", "second"], 1, ["b"]]);
  waiters.close();
  await other;
  expect(waiters.count).toBe(0);
});

test("a wait ends with its time, or when its client is gone, and frees its place", async () => {
  const waiters = new Waiters(2);
  const gone = new AbortController();
  const waits = [waiters.wait("a", 1, never), waiters.wait("a", 60_000, gone.signal)];
  expect(waiters.full).toBe(true);
  gone.abort();
  await Promise.all(waits);
  expect([waiters.full, waiters.topics()]).toEqual([false, []]);
});

test("after close nothing waits", async () => {
  const waiters = new Waiters(2);
  waiters.close();
  await waiters.wait("a", 60_000, never);
  expect(waiters.closed).toBe(true);
});
