/** MQTT 3.1.1 at QoS 0: a channel is a topic. */
import type { Socket } from "node:net";
import type { Target } from "../driver.ts";
import { PeerDriver } from "../peer-driver.ts";
import { pending } from "../pending.ts";
import { openTcp } from "../tcp.ts";
import type { TakeText } from "../websocket.ts";

const packets = { connect: 0x10, connack: 2, publish: 3, publishQos0: 0x30, subscribe: 0x82, suback: 9 } as const;

function packet(type: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length: number[] = [];
  for (let rest = body.length; ; rest >>= 7) {
    if (rest < 128) {
      length.push(rest);
      break;
    }
    length.push((rest & 127) | 128);
  }
  return Buffer.concat([Buffer.from([type, ...length]), body]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(`..${value}`);
  bytes.writeUInt16BE(bytes.length - 2);
  return bytes;
}

export class MqttDriver extends PeerDriver {
  #clients = 0;
  publication(channel: string, payload: Buffer): Buffer {
    return packet(packets.publishQos0, text(channel), payload);
  }

  async connect(target: Target, topics: readonly string[], take: TakeText, closed: (why: string) => void): Promise<Socket> {
    const ready = pending();
    const socket = await openTcp(
      target,
      (data, start, end) => {
        let at = start;
        while (at + 2 <= end) {
          let from = at + 1;
          let length = 0;
          for (let shift = 0; ; shift += 7) {
            if (from >= end) return at - start;
            const byte = data[from++]!;
            length |= (byte & 127) << shift;
            if (byte < 128) break;
          }
          if (from + length > end) break;
          const type = data[at]! >> 4;
          if (type === packets.publish) take(data, from + 2 + data.readUInt16BE(from), from + length);
          else if (type === packets.suback || (type === packets.connack && topics.length === 0)) ready.resolve();
          at = from + length;
        }
        return at - start;
      },
      (why) => {
        ready.reject(new Error(why));
        closed(why);
      },
    );
    const [cleanSession, noKeepAlive, packetId] = [2, [0, 0], [0, 1]];
    socket.write(packet(packets.connect, text("MQTT"), Buffer.from([4, cleanSession, ...noKeepAlive]), text(`bench${++this.#clients}`)));
    if (topics.length > 0) socket.write(packet(packets.subscribe, Buffer.from(packetId), ...topics.flatMap((topic) => [text(topic), Buffer.from([0])])));
    await ready.promise;
    return socket;
  }
}
