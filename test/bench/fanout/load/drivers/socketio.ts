/** Socket.IO as its own documentation describes the wire: Engine.IO 4 over a WebSocket, JSON packets (servers/socketio.ts). */
import type { Socket } from "node:net";
import type { Target } from "../driver.ts";
import { PeerDriver } from "../peer-driver.ts";
import { pending } from "../pending.ts";
import { openWebSocket, textFrame, type TakeText } from "../websocket.ts";

const PING = 0x32;
const pong = textFrame("3");

export class SocketIoDriver extends PeerDriver {
  publication(channel: string, payload: Buffer): Buffer {
    return textFrame(`42["publish","${channel}","${payload.toString("latin1")}"]`);
  }

  /** Engine.IO opens, then the namespace is connected, then the server says that it has put us into the rooms. */
  async connect(target: Target, rooms: readonly string[], take: TakeText, closed: (why: string) => void): Promise<Socket> {
    const joined = pending();
    let step = 0;
    const opening: Promise<Socket> = openWebSocket(
      target,
      "/socket.io/?EIO=4&transport=websocket",
      (data, start, end) => {
        if (end - start === 1 && data[start] === PING) return void opening.then((socket) => socket.write(pong));
        if (step === 3) return take(data, start, end);
        const next = [["0{", textFrame("40")], ["40{", textFrame(`42["subscribe",${JSON.stringify(rooms)}]`)], ['42["subscribed"', undefined]] as const;
        const [expected, answer] = next[step]!;
        const said = data.toString("utf8", start, end);
        if (!said.startsWith(expected)) return joined.reject(new Error(`socket.io says ${said.slice(0, 80)}`));
        step++;
        if (answer === undefined) return joined.resolve();
        void opening.then((socket) => socket.write(answer));
      },
      (why) => {
        joined.reject(new Error(why));
        closed(why);
      },
    );
    const socket = await opening;
    await joined.promise;
    return socket;
  }
}
