import { describe, expect, test } from "vitest";
import { limits } from "../protocol/limits.ts";
import { textFrame, type Socket } from "../runtime/socket.ts";
import type { SessionId } from "./events.ts";
import { FanOut } from "./fan-out.ts";

/** A socket whose other end reads nothing until `drain`. */
class Stuck implements Socket {
  readonly writes: Uint8Array[] = [];
  queuedBytes = 0;
  #written: (() => void)[] = [];
  send(data: string | Uint8Array): number {
    return this.writeFrame(Buffer.from(data));
  }
  writeFrame(frame: Uint8Array, written?: () => void): number {
    this.writes.push(frame);
    if (written !== undefined) this.#written.push(written);
    return (this.queuedBytes += frame.length);
  }
  drain(): void {
    this.queuedBytes = 0;
    for (const written of this.#written.splice(0)) written();
  }
  ping(): void {}
  close(): void {}
  destroy(): void {}
}

const event = (text: string, origin = 0): { payload: Uint8Array; origin: number } => ({ payload: Buffer.from(text), origin });
const large = "x".repeat(limits.socketQueueBytes / 4);

function fanOut(...sessions: SessionId[]): { clients: FanOut; sockets: Stuck[]; overflowed: SessionId[] } {
  const overflowed: SessionId[] = [];
  const clients = new FanOut((session) => overflowed.push(session));
  const sockets = sessions.map((session) => {
    const socket = new Stuck();
    clients.add(session, socket);
    return socket;
  });
  return { clients, sockets, overflowed };
}

describe("FanOut", () => {
  test("several events are one write per socket, of bytes that all sockets share", () => {
    const { clients, sockets } = fanOut(1, 2);
    clients.deliver([1, 2], [event("a"), event("b")], false);
    expect(sockets.map((socket) => socket.writes.length)).toEqual([1, 1]);
    expect(sockets[0]!.writes[0]).toBe(sockets[1]!.writes[0]);
    expect(sockets[0]!.writes[0]).toEqual(Buffer.concat([textFrame(Buffer.from("a")), textFrame(Buffer.from("b"))]));
  });

  test("a frame is a final, unmasked text frame", () => {
    expect(textFrame(Buffer.from("hi")).toString("hex")).toBe("81026869");
  });

  test("the sender of an event gets the others only", () => {
    const { clients, sockets } = fanOut(1, 2);
    clients.deliver([1, 2], [event("a", 1), event("b", 2), event("c", 1)], false);
    expect(sockets.map((socket) => Buffer.concat(socket.writes))).toEqual([textFrame(Buffer.from("b")), Buffer.concat(["a", "c"].map((text) => textFrame(Buffer.from(text))))]);
    clients.deliver([1], [event("d", 1)], false);
    expect(sockets[0]!.writes).toHaveLength(1);
  });

  test("a socket with much queued gets no typing any more, then it overflows; others go on", () => {
    const { clients, sockets, overflowed } = fanOut(1, 2);
    for (let i = 0; i < 3; i++) {
      clients.deliver([1, 2], [event(large)], false);
      sockets[1]!.drain();
    }
    clients.deliver([1, 2], [event("typing")], true);
    expect(sockets.map((socket) => socket.writes.length)).toEqual([3, 4]);
    expect(overflowed).toEqual([]);
    for (let i = 0; i < 2; i++) {
      expect(overflowed).toEqual([]);
      clients.deliver([1, 2], [event(large)], false);
      sockets[1]!.drain();
    }
    expect(overflowed).toEqual([1]);
  });

  test("a burst larger than the queue's bound closes nobody who has read what was before", () => {
    const { clients, sockets, overflowed } = fanOut(1);
    const burst = Array.from({ length: 40 }, () => event(large));
    clients.deliver([1], burst, false);
    sockets[0]!.drain();
    clients.deliver([1], burst, false);
    expect(overflowed).toEqual([]);
    clients.deliver([1], [event("one more")], false);
    expect(overflowed).toEqual([1]);
  });

  test("a replay does not count against the socket until it is written", () => {
    const { clients, sockets, overflowed } = fanOut(1);
    let written = 0;
    clients.replay(1, [1, 2, 3, 4, 5].map(() => Buffer.from(large)), () => written++);
    clients.deliver([1], [event("live")], false);
    expect([overflowed, written]).toEqual([[], 0]);
    sockets[0]!.drain();
    expect(written).toBe(1);
    for (let i = 0; i < 5; i++) clients.deliver([1], [event(large)], false);
    expect(overflowed).toEqual([1]);
  });
});
