import { afterEach, expect, test } from "vitest";
import { systemClock as clock } from "../runtime/clock.ts";
import { createHttp } from "../runtime/http.ts";
import { createLog } from "../runtime/log.ts";
import { awaitWarm } from "./warm.ts";

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** A server whose status says `status()`. */
async function serve(status: () => object): Promise<string> {
  const door = createHttp({ "GET /v1/status": () => ({ status: 200, body: status() }) }, createLog("test", "warm", "silent"));
  ends.push(() => door.close());
  return await door.listen("127.0.0.1:0");
}

test("names each server when it is warm at the epoch or a later one, one that is gone at once, and asks nobody again", async () => {
  let asked = 0;
  const late = await serve(() => ({ warm: ++asked < 3 ? 6 : 9 }));
  const ready = await serve(() => ({ warm: 7 }));
  const gone = await serve(() => ({}));
  await ends.pop()!();
  const told: string[] = [];
  const servers = Object.entries({ late, ready, gone }).map(([id, addr]) => ({ id, addr }));
  await awaitWarm({ servers, epoch: 7, clock, signal: new AbortController().signal, onWarm: (id) => told.push(id) });
  expect(told.toSorted()).toEqual(["gone", "late", "ready"]);
  expect(told.at(-1)).toBe("late");
  expect(asked).toBe(3);
});

test("waits for a server that says something else, until it is told to stop", async () => {
  let asked = 0;
  const strange = await serve(() => (++asked % 2 === 0 ? { warm: "7" } : {}));
  const stopped = new AbortController();
  const told: string[] = [];
  const waiting = awaitWarm({ servers: [{ id: "cs-0", addr: strange }], epoch: 7, clock, signal: stopped.signal, onWarm: (id) => told.push(id) });
  while (asked < 3) await clock.sleep(10);
  stopped.abort();
  await waiting;
  expect(told).toEqual([]);
});
