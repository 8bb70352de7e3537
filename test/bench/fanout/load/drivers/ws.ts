/** The bare WebSocket servers (servers/ws-*.ts): `S` and channels subscribe, `P`, a channel and a payload publish. */
import type { Socket } from "node:net";
import type { Target } from "../driver.ts";
import { PeerDriver } from "../peer-driver.ts";
import { clientFrame, openGreeted, openWebSocket, textFrame, type TakeText } from "../websocket.ts";

export class WsDriver extends PeerDriver {
  connect(target: Target, channels: readonly string[], take: TakeText, closed: (why: string) => void): Promise<Socket> {
    if (channels.length === 0) return openWebSocket(target, "/ws", take, closed);
    return openGreeted(target, "/ws", { say: textFrame(`S${channels.join(" ")}`), greets: () => true }, take, closed);
  }

  publication(channel: string, payload: Buffer): Buffer {
    return clientFrame(1, Buffer.concat([Buffer.from(`P${channel}`), payload]));
  }
}
