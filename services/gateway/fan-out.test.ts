import { randomBytes } from "node:crypto";
import { constants, inflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { limits } from "../protocol/limits.ts";
import { deflatedFrame, textFrame, type Socket } from "../runtime/socket.ts";
import type { SessionId } from "./events.ts";
import { FanOut } from "./fan-out.ts";
import type { Clock } from "./gatherer.ts";

/** A socket whose other end reads nothing until `drain`. */
class Stuck implements Socket {
  readonly writes: Uint8Array[] = [];
  queuedBytes = 0;
  deflates = false;
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
  /** after how many writes */
  closed: number | undefined;
  close(): void {
    this.closed = this.writes.length;
  }
  destroy(): void {}
}

const event = (text: string, origin = 0): { payload: Uint8Array; origin: number } => ({ payload: Buffer.from(text), origin });
/** The texts in each write. */
function texts(writes: readonly Uint8Array[]): string[][] {
  return writes.map((bytes) => {
    const list: string[] = [];
    for (let at = 0, length = 0; at < bytes.length; at += length) {
      const head = bytes[at + 1]! === 126 ? 4 : 2;
      length = head === 4 ? 4 + bytes[at + 2]! * 256 + bytes[at + 3]! : 2 + bytes[at + 1]!;
      list.push(Buffer.from(bytes.subarray(at + head, at + length)).toString());
    }
    return list;
  });
}

const large = "x".repeat(limits.socketQueueBytes / 4);

const gatherMs = 20;

/** An event loop that goes on when it is told to. */
class Loop implements Clock {
  #ms = 1_000;
  #soon: (() => void)[] = [];
  #later: { readonly at: number; readonly run: () => void }[] = [];
  now = (): number => this.#ms;
  soon = (run: () => void): void => void this.#soon.push(run);
  later = (ms: number, run: () => void): void => void this.#later.push({ at: this.#ms + ms, run });
  /** Within a turn. */
  passes(ms: number): void {
    this.#ms += ms;
  }
  /** To the end of a turn, `ms` later. */
  turn(ms = 0): void {
    this.#ms += ms;
    const due = this.#later.filter(({ at }) => at <= this.#ms);
    this.#later = this.#later.filter(({ at }) => at > this.#ms);
    for (const { run } of due) run();
    for (const run of this.#soon.splice(0)) run();
  }
}

function fanOut(...sessions: SessionId[]): { clients: FanOut; sockets: Stuck[]; overflowed: SessionId[]; loop: Loop; deliver: (...args: Parameters<FanOut["deliver"]>) => void } {
  const overflowed: SessionId[] = [];
  const loop = new Loop();
  const clients = new FanOut({ gatherMs, deflateBytes: 100 }, (session) => overflowed.push(session), loop);
  const sockets = sessions.map((session) => {
    const socket = new Stuck();
    clients.add(session, socket);
    return socket;
  });
  /** Events for quiet sockets, in a turn of their own. */
  const deliver = (...args: Parameters<FanOut["deliver"]>): void => {
    clients.deliver(...args);
    loop.turn(gatherMs);
  };
  return { clients, sockets, overflowed, loop, deliver };
}

describe("FanOut", () => {
  test("several events are one write per socket, of bytes that all sockets share", () => {
    const { deliver, sockets } = fanOut(1, 2);
    deliver([1, 2], [event("a"), event("b")], false);
    expect(sockets.map((socket) => socket.writes.length)).toEqual([1, 1]);
    expect(sockets[0]!.writes[0]).toBe(sockets[1]!.writes[0]);
    expect(sockets[0]!.writes[0]).toEqual(Buffer.concat([textFrame(Buffer.from("a")), textFrame(Buffer.from("b"))]));
  });

  test("a frame is a final, unmasked text frame", () => {
    expect(textFrame(Buffer.from("hi")).toString("hex")).toBe("81026869");
  });

  test("the sender of an event gets the others only", () => {
    const { deliver, sockets } = fanOut(1, 2);
    deliver([1, 2], [event("a", 1), event("b", 2), event("c", 1)], false);
    expect(sockets.map((socket) => Buffer.concat(socket.writes))).toEqual([textFrame(Buffer.from("b")), Buffer.concat(["a", "c"].map((text) => textFrame(Buffer.from(text))))]);
    deliver([1], [event("d", 1)], false);
    expect(sockets[0]!.writes).toHaveLength(1);
  });

  test("a socket with much queued gets no typing any more, then it overflows; others go on", () => {
    const { deliver, sockets, overflowed } = fanOut(1, 2);
    for (let i = 0; i < 3; i++) {
      deliver([1, 2], [event(large)], false);
      sockets[1]!.drain();
    }
    deliver([1, 2], [event("typing")], true);
    expect(sockets.map((socket) => socket.writes.length)).toEqual([3, 4]);
    expect(overflowed).toEqual([]);
    for (let i = 0; i < 2; i++) {
      expect(overflowed).toEqual([]);
      deliver([1, 2], [event(large)], false);
      sockets[1]!.drain();
    }
    expect(overflowed).toEqual([1]);
  });

  test("a burst larger than the queue's bound closes nobody who has read what was before", () => {
    const { deliver, sockets, overflowed } = fanOut(1);
    const burst = Array.from({ length: 40 }, () => event(large));
    deliver([1], burst, false);
    sockets[0]!.drain();
    deliver([1], burst, false);
    expect(overflowed).toEqual([]);
    deliver([1], [event("one more")], false);
    expect(overflowed).toEqual([1]);
  });

  test("what one turn brings for a socket, of several channels, is one write, in the order it came", () => {
    const { clients, sockets, loop } = fanOut(1, 2);
    clients.deliver([1, 2], [event("a")], false);
    clients.send(1, "ack");
    clients.deliver([1, 2], [event("b")], false);
    expect(sockets.map((socket) => socket.writes)).toEqual([[], []]);
    loop.turn();
    expect(sockets.map((socket) => texts(socket.writes))).toEqual([[["a", "ack", "b"]], [["a", "b"]]]);
  });

  test("sockets that get the same of several channels share the bytes", () => {
    const { clients, sockets, loop } = fanOut(1, 2);
    clients.deliver([1, 2], [event("a")], false);
    clients.deliver([1, 2], [event("b")], false);
    loop.turn();
    expect(sockets[0]!.writes[0]).toBe(sockets[1]!.writes[0]);
  });

  test("what is large is compressed once, for the sockets that take it", () => {
    const { deliver, sockets } = fanOut(1, 2, 3);
    sockets[0]!.deflates = sockets[1]!.deflates = true;
    const [small, long] = [Buffer.from("small"), Buffer.from("long ".repeat(100))];
    deliver([1, 2, 3], [{ payload: small, origin: 0 }, { payload: long, origin: 0 }], false);
    expect(sockets[0]!.writes[0]).toBe(sockets[1]!.writes[0]);
    expect(sockets[2]!.writes[0]).toEqual(Buffer.concat([textFrame(small), textFrame(long)]));
    const compressed = sockets[0]!.writes[0]!.subarray(textFrame(small).length);
    expect(compressed[0]).toBe(0xc1);
    expect(compressed.length).toBeLessThan(60);
    expect(inflateRawSync(Buffer.concat([compressed.subarray(2), Buffer.from("0000ffff", "hex")]), { finishFlush: constants.Z_SYNC_FLUSH })).toEqual(long);
  });

  test("a compressed event is read by a client that keeps 4 KiB in mind, however far apart its repeats are", () => {
    const noise = randomBytes(6_000).toString("base64");
    const compressed = deflatedFrame(Buffer.from(noise + noise));
    expect(compressed[1]).toBe(126);
    const inflated = inflateRawSync(Buffer.concat([compressed.subarray(4), Buffer.from("0000ffff", "hex")]), { finishFlush: constants.Z_SYNC_FLUSH, windowBits: 12 });
    expect(inflated.toString()).toBe(noise + noise);
  });

  test("a busy socket is written to once per gathering, a quiet one at once, and an answer waits for nothing", () => {
    const { clients, sockets: [socket], loop } = fanOut(1);
    const after = (ms: number, text: string): string[][] => {
      clients.deliver([1], [event(text)], false);
      loop.turn(ms);
      return texts(socket!.writes.splice(0));
    };
    expect(after(1, "quiet")).toEqual([["quiet"]]);
    expect([after(5, "a"), after(5, "b"), after(9, "c"), after(1, "d")]).toEqual([[], [], [], [["a", "b", "c", "d"]]]);
    expect(after(gatherMs - 1, "e")).toEqual([]);
    clients.send(1, "pong");
    loop.turn();
    expect(texts(socket!.writes.splice(0))).toEqual([["e", "pong"]]);
    expect([clients.gathering.counts.reduce((sum, count) => sum + count), clients.gathering.sumMs]).toEqual([2, 5 + 5 + 9 + 1 + gatherMs - 1]);
    loop.turn(gatherMs);
    expect(after(0, "quiet again")).toEqual([["quiet again"]]);
  });

  test("where writing takes its time it begins earlier, so that the last of the busy sockets is not written to later than a gathering", () => {
    const { clients, sockets, loop } = fanOut(1, 2);
    const takes = 4;
    const write = (): number => (loop.passes(takes / 2), 0);
    for (const socket of sockets) socket.writeFrame = (frame) => (socket.writes.push(frame), write());
    const busy = (text: string, ms: number): string[][][] => {
      clients.deliver([1, 2], [event(text)], false);
      loop.turn();
      if (ms > 0) loop.turn(ms);
      return sockets.map((socket) => texts(socket.writes.splice(0)));
    };
    busy("quiet", 0);
    expect(busy("a", gatherMs)).toEqual([[["a"]], [["a"]]]);
    expect(busy("b", gatherMs - takes - 1)).toEqual([[], []]);
    expect(busy("c", 1)).toEqual([[["b", "c"]], [["b", "c"]]]);
  });

  test("a busy socket for which much is ready does not wait", () => {
    const { clients, sockets: [socket], loop } = fanOut(1);
    clients.deliver([1], [event("first")], false);
    loop.turn();
    clients.deliver([1], [event("x".repeat(70_000))], false);
    loop.turn();
    expect(socket!.writes).toHaveLength(2);
  });

  test("what is ready goes out before a replay, and before a Close", () => {
    const { clients, sockets: [socket], loop } = fanOut(1);
    clients.deliver([1], [event("a")], false);
    clients.replay(1, [Buffer.from("past")], () => {});
    clients.send(1, "goodbye");
    clients.close(1, 1000, "goodbye");
    loop.turn(gatherMs);
    expect(texts(socket!.writes)).toEqual([["a"], ["past"], ["goodbye"]]);
    expect(socket!.closed).toBe(3);
  });

  test("a replay does not count against the socket until it is written", () => {
    const { clients, deliver, sockets, overflowed } = fanOut(1);
    let written = 0;
    clients.replay(1, [1, 2, 3, 4, 5].map(() => Buffer.from(large)), () => written++);
    deliver([1], [event("live")], false);
    expect([overflowed, written]).toEqual([[], 0]);
    sockets[0]!.drain();
    expect(written).toBe(1);
    for (let i = 0; i < 5; i++) deliver([1], [event(large)], false);
    expect(overflowed).toEqual([1]);
  });
});
