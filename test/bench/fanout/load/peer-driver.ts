/** What drivers of servers other than Ringway have in common: one connection publishes, and a subscriber names the channels of its group. */
import type { Socket } from "node:net";
import { channelName, groupOf, type Shape } from "../shape.ts";
import type { Driver, Target } from "./driver.ts";
import { Gathered } from "./gathered.ts";
import type { TakeText } from "./websocket.ts";

export abstract class PeerDriver implements Driver {
  #target!: Target;
  #shape!: Shape;
  #publisher: Gathered | undefined;

  /** @returns a connection that is subscribed to the channels; none for the one that publishes */
  abstract connect(target: Target, channels: readonly string[], take: TakeText, closed: (why: string) => void): Promise<Socket>;
  /** The bytes that publish. */
  abstract publication(channel: string, payload: Buffer): Buffer;

  target(target: Target): void {
    this.#target = target;
  }

  async begin(shape: Shape, _provided: unknown, failed: (why: string) => void): Promise<void> {
    this.#shape = shape;
    this.#publisher = new Gathered(await this.connect(this.#target, [], () => {}, failed));
  }

  subscribe(socket: number, take: TakeText, closed: (why: string) => void): Promise<Socket> {
    const { channelsPerGroup } = this.#shape;
    const first = groupOf(this.#shape, socket) * channelsPerGroup;
    return this.connect(this.#target, Array.from({ length: channelsPerGroup }, (_, i) => channelName(first + i)), take, closed);
  }

  publish(channel: number, payload: Buffer): void {
    this.#publisher?.write(this.publication(channelName(channel), payload));
  }

  async end(): Promise<void> {
    this.#publisher?.destroy();
    this.#publisher = undefined;
  }
}
