/** Socket.IO as its own documentation describes the wire: Engine.IO 4 over a WebSocket, JSON packets (servers/socketio.ts). */
import type { Socket } from "node:net";
import { channelName, groupOf, type Shape } from "../../shape.ts";
import type { Driver, Target } from "../driver.ts";
import { Gathered } from "../gathered.ts";
import { pending } from "../pending.ts";
import { openWebSocket, textFrame, type TakeText } from "../websocket.ts";

const PING = 0x32;
const pong = textFrame("3");

export class SocketIoDriver implements Driver {
  #target!: Target;
  #shape!: Shape;
  #publisher: Gathered | undefined;

  target(target: Target): void {
    this.#target = target;
  }

  async begin(shape: Shape, _provided: unknown, failed: (why: string) => void): Promise<void> {
    this.#shape = shape;
    this.#publisher = new Gathered(await this.#connect([], () => {}, failed));
  }

  subscribe(socket: number, take: TakeText, closed: (why: string) => void): Promise<Socket> {
    const { channelsPerGroup } = this.#shape;
    const first = groupOf(this.#shape, socket) * channelsPerGroup;
    return this.#connect(Array.from({ length: channelsPerGroup }, (_, i) => channelName(first + i)), take, closed);
  }

  publish(channel: number, payload: Buffer): void {
    this.#publisher?.write(textFrame(`42["publish","${channelName(channel)}","${payload.toString("latin1")}"]`));
  }

  async end(): Promise<void> {
    this.#publisher?.destroy();
    this.#publisher = undefined;
  }

  /** Engine.IO opens, then the namespace is connected, then the server says that it has put us into the rooms. */
  async #connect(rooms: readonly string[], take: TakeText, closed: (why: string) => void): Promise<Socket> {
    const joined = pending();
    let step = 0;
    const opening: Promise<Socket> = openWebSocket(
      this.#target,
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
