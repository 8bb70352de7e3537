/** A WebSocket client by hand: `ws` costs more per message than the servers that are measured. */
import type { Socket } from "node:net";
import { pending } from "./pending.ts";
import { openTcp, type Address } from "./tcp.ts";

/** A masked frame of a client; a key of zeros leaves the payload as it is. */
export function clientFrame(opcode: number, payload: Uint8Array): Buffer {
  const head = payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10;
  const frame = Buffer.alloc(head + 4 + payload.length);
  frame[0] = 0x80 | opcode;
  if (head === 2) frame[1] = 0x80 | payload.length;
  else if (head === 4) {
    frame[1] = 0x80 | 126;
    frame.writeUInt16BE(payload.length, 2);
  } else {
    frame[1] = 0x80 | 127;
    frame.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  frame.set(payload, head + 4);
  return frame;
}

export const textFrame = (text: string): Buffer => clientFrame(1, Buffer.from(text));

/** A text message of the server: `data` from `start` to `end`, valid within the call only. */
export type TakeText = (data: Buffer, start: number, end: number) => void;

/**
 * Opens one. Pings are answered.
 * @param closed called when the server ended it; not after `destroy`
 */
export async function openWebSocket(address: Address, path: string, text: TakeText, closed: (why: string) => void): Promise<Socket> {
  let upgraded = false;
  const opened = pending();
  const frames = (data: Buffer, start: number, end: number): number => {
    let at = start;
    while (at + 2 <= end) {
      let length = data[at + 1]! & 0x7f;
      let from = at + 2;
      if (length === 126) {
        if (at + 4 > end) break;
        length = data.readUInt16BE(at + 2);
        from = at + 4;
      } else if (length === 127) {
        if (at + 10 > end) break;
        length = Number(data.readBigUInt64BE(at + 2));
        from = at + 10;
      }
      if (from + length > end) break;
      const opcode = data[at]! & 0x0f;
      if (opcode === 1) text(data, from, from + length);
      else if (opcode === 9) socket.write(clientFrame(10, data.subarray(from, from + length)));
      else if (opcode === 8) closed(`closed with ${length >= 2 ? data.readUInt16BE(from) : 1005} ${data.toString("utf8", from + 2, from + length)}`);
      at = from + length;
    }
    return at - start;
  };
  const head = (data: Buffer, start: number, end: number): number => {
    const stop = data.subarray(start, end).indexOf("\r\n\r\n");
    if (stop < 0) return 0;
    const status = data.toString("latin1", start + 9, start + 12);
    if (status !== "101") {
      opened.reject(new Error(`the upgrade was refused: ${data.toString("latin1", start, end).split("\r\n")[0]}`));
      return end - start;
    }
    upgraded = true;
    opened.resolve();
    return stop + 4 + frames(data, start + stop + 4, end);
  };
  const socket = await openTcp(address, (data, start, end) => (upgraded ? frames(data, start, end) : head(data, start, end)), (why) => {
    opened.reject(new Error(why));
    closed(why);
  });
  socket.write(
    `GET ${path} HTTP/1.1\r\nhost: ${address.host}:${address.port}\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  );
  await opened.promise;
  return socket;
}

/** Whether a message begins with these bytes. */
export function startsWith(data: Buffer, start: number, end: number, what: Buffer): boolean {
  return end - start >= what.length && what.compare(data, start, start + what.length) === 0;
}

/** What has to come before a connection can be used, and what is said so that it comes. */
export interface Greeting {
  readonly say?: Buffer;
  greets(data: Buffer, start: number, end: number): boolean;
}

/** The same, once the server's greeting has come; `take` is given what follows it. */
export async function openGreeted(address: Address, path: string, { say, greets }: Greeting, take: TakeText, closed: (why: string) => void): Promise<Socket> {
  const greeted = pending();
  let isGreeted = false;
  const socket = await openWebSocket(
    address,
    path,
    (data, start, end) => {
      if (isGreeted) return take(data, start, end);
      if (!greets(data, start, end)) return;
      isGreeted = true;
      greeted.resolve();
    },
    (why) => {
      greeted.reject(new Error(why));
      closed(why);
    },
  );
  if (say !== undefined) socket.write(say);
  await greeted.promise;
  return socket;
}
