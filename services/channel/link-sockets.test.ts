import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { systemClock } from "../runtime/clock.ts";
import type { Socket, SocketEvents } from "../runtime/socket.ts";
import type { Event } from "./events.ts";
import { LinkSockets } from "./link-sockets.ts";

/** A link whose other end takes everything, and what the server was told of it. */
function link(): { sockets: LinkSockets; closed(): void; events: Event[] } {
  const events: Event[] = [];
  const sockets = new LinkSockets((event) => events.push(event), systemClock);
  const { closed } = sockets.attach({ send: () => 0, queuedBytes: 0, close: () => {}, destroy: () => {} } as unknown as Socket) as SocketEvents;
  return { sockets, closed: () => closed(1006, ""), events };
}

test("reads that wait for a turn are counted until they have it; replays are not, and both come in the order of the calls", async () => {
  const { sockets } = link();
  const log: string[] = [];
  let go = (): void => {};
  const gate = new Promise<void>((resolve) => (go = resolve));
  const works = Array.from({ length: 12 }, (_, i) => {
    const what = i % 2 === 0 ? "read" : "replay";
    return sockets.inTurn(1, what, async () => {
      log.push(`${what} ${i}`);
      await gate;
    });
  });
  await turn();
  expect(log).toHaveLength(8);
  expect(sockets.reads(1)).toBe(2);
  go();
  await Promise.all(works);
  expect(sockets.reads(1)).toBe(0);
  expect(log).toEqual(works.map((_, i) => `${i % 2 === 0 ? "read" : "replay"} ${i}`));
});

test("what waits for a turn on a link that closes is not done, nor what comes later", async () => {
  const { sockets, closed, events } = link();
  let done = 0;
  const gate = Promise.withResolvers<void>();
  const work = (): Promise<void> => (done++, gate.promise);
  const works = Array.from({ length: 12 }, () => sockets.inTurn(1, "read", work));
  await turn();
  closed();
  gate.resolve();
  await Promise.all([...works, sockets.inTurn(1, "read", work)]);
  expect(done).toBe(8);
  expect(events).toEqual([{ type: "linkOpened", link: 1 }, { type: "linkClosed", link: 1 }]);
});

test("a read that fails gives its turn to the next", async () => {
  const { sockets } = link();
  const works = Array.from({ length: 20 }, () => sockets.inTurn(1, "read", () => Promise.reject(new Error("broken"))).catch((error: Error) => error.message));
  expect(await Promise.all(works)).toEqual(works.map(() => "broken"));
});
