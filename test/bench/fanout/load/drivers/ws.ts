/** The bare WebSocket servers (servers/ws-*.ts): `S` and channels subscribe, `P`, a channel and a payload publish. */
import type { Socket } from "node:net";
import { channelName, groupOf, type Shape } from "../../shape.ts";
import type { Driver, Target } from "../driver.ts";
import { Gathered } from "../gathered.ts";
import { pending } from "../pending.ts";
import { clientFrame, openWebSocket, textFrame, type TakeText } from "../websocket.ts";

export class WsDriver implements Driver {
  #target!: Target;
  #shape!: Shape;
  #publisher: Gathered | undefined;

  target(target: Target): void {
    this.#target = target;
  }

  async begin(shape: Shape, _provided: unknown, failed: (why: string) => void): Promise<void> {
    this.#shape = shape;
    this.#publisher = new Gathered(await openWebSocket(this.#target, "/ws", () => {}, failed));
  }

  async subscribe(socket: number, take: TakeText, closed: (why: string) => void): Promise<Socket> {
    const { channelsPerGroup } = this.#shape;
    const first = groupOf(this.#shape, socket) * channelsPerGroup;
    const names = Array.from({ length: channelsPerGroup }, (_, i) => channelName(first + i));
    const subscribed = pending();
    let isSubscribed = false;
    const opened = await openWebSocket(
      this.#target,
      "/ws",
      (data, start, end) => {
        if (isSubscribed) return take(data, start, end);
        isSubscribed = true;
        subscribed.resolve();
      },
      (why) => {
        subscribed.reject(new Error(why));
        closed(why);
      },
    );
    opened.write(textFrame(`S${names.join(" ")}`));
    await subscribed.promise;
    return opened;
  }

  publish(channel: number, payload: Buffer): void {
    this.#publisher?.write(clientFrame(1, Buffer.concat([Buffer.from(`P${channelName(channel)}`), payload])));
  }

  async end(): Promise<void> {
    this.#publisher?.destroy();
    this.#publisher = undefined;
  }
}
