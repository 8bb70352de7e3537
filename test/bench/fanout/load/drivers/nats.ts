/** NATS, by its documented text protocol: a channel is a subject. */
import type { Socket } from "node:net";
import type { Target } from "../driver.ts";
import { PeerDriver } from "../peer-driver.ts";
import { pending } from "../pending.ts";
import { openTcp } from "../tcp.ts";
import type { TakeText } from "../websocket.ts";

const LF = 10;
const end2 = Buffer.from("\r\n");

export class NatsDriver extends PeerDriver {
  publication(channel: string, payload: Buffer): Buffer {
    return Buffer.concat([Buffer.from(`PUB ${channel} ${payload.length}\r\n`), payload, end2]);
  }

  async connect(target: Target, subjects: readonly string[], take: TakeText, closed: (why: string) => void): Promise<Socket> {
    const answered = pending();
    const fail = (why: string): void => {
      answered.reject(new Error(why));
      closed(why);
    };
    const socket = await openTcp(
      target,
      (data, start, end) => {
        let at = start;
        for (;;) {
          const lf = data.indexOf(LF, at);
          if (lf < 0 || lf >= end) break;
          const kind = data[at];
          if (kind === 0x4d) {
            // MSG subject sid bytes
            let length = 0;
            for (let digit = lf - 2, power = 1; data[digit] !== 0x20; digit--, power *= 10) length += (data[digit]! - 48) * power;
            const after = lf + 1 + length + 2;
            if (after > end) break;
            take(data, lf + 1, lf + 1 + length);
            at = after;
            continue;
          }
          if (kind === 0x50 && data[at + 1] === 0x49) socket.write("PONG\r\n");
          else if (kind === 0x50) answered.resolve();
          else if (kind === 0x2d) fail(data.toString("utf8", at, lf));
          at = lf + 1;
        }
        return at - start;
      },
      fail,
    );
    // The answer to PING comes after the subscriptions were made.
    socket.write(`CONNECT {"verbose":false,"pedantic":false}\r\n${subjects.map((subject, i) => `SUB ${subject} ${i + 1}\r\n`).join("")}PING\r\n`);
    await answered.promise;
    return socket;
  }
}
