import { expect, test } from "vitest";
import { decodeLink, type LinkFrame } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import { LinkOutbox } from "./link-outbox.ts";
import type { Socket } from "./socket.ts";

/** A socket whose other end reads nothing. */
function sink(): { readonly socket: Socket; readonly messages: Buffer[] } {
  const messages: Buffer[] = [];
  let queuedBytes = 0;
  const socket = {
    send: (data: Buffer) => {
      messages.push(data);
      return (queuedBytes += data.length);
    },
    get queuedBytes() {
      return queuedBytes;
    },
  } as unknown as Socket;
  return { socket, messages };
}

test("however many frames a turn has, and however large, they leave in order, in messages that a link takes", () => {
  const { socket, messages } = sink();
  const outbox = new LinkOutbox(socket);
  const moved = Array.from({ length: 200_000 }, (_, i): LinkFrame => ({ type: "moved", chan: i, epoch: 1, owner: "cs-1" }));
  const large = Array.from({ length: 40 }, (_, i): LinkFrame => ({ type: "transient", chan: i, origin: 0, payload: Buffer.alloc(600_000) }));
  for (const frame of [...moved, ...large]) outbox.add(frame);
  outbox.flush();
  expect(outbox.isEmpty).toBe(true);
  expect(Math.max(...messages.map(({ length }) => length))).toBeLessThan(limits.linkMessageBytes);
  const chans = messages.flatMap((message) => decodeLink(message)).map((frame) => ("chan" in frame ? frame.chan : -1));
  expect(chans).toEqual([...moved.keys(), ...large.keys()]);
});

test("what is not sent yet counts as queued, whatever its kind", () => {
  const outbox = new LinkOutbox(sink().socket);
  for (let i = 0; i < 100; i++) outbox.add({ type: "moved", chan: i, epoch: 1, owner: "cs-1" });
  expect(outbox.queuedBytes).toBeGreaterThan(100 * 20);
});
