/** A whole Ringway by its public protocol: rtm.connect, a socket, `message` frames. Each group is one user with many sessions; one more of them publishes. */
import type { Socket } from "node:net";
import { channelName, groupOf, type Shape } from "../../shape.ts";
import type { Driver, Provided, Target } from "../driver.ts";
import { Gathered } from "../gathered.ts";
import { isHello } from "../hello.ts";
import { openGreeted, startsWith, textFrame, type TakeText } from "../websocket.ts";

/** What the plane made ready. */
export interface Workspace extends Provided {
  /** base URL of the Web API */
  readonly api: string;
  /** one per group */
  readonly tokens: readonly string[];
  /** number of the cell's first channel: each cell has its own */
  readonly firstChannel: number;
}

const refused = Buffer.from('{"ok":false');

export class RingwayPlaneDriver implements Driver {
  #target!: Target;
  #shape!: Shape;
  #workspace!: Workspace;
  readonly #publishers: Gathered[] = [];
  #published = 0;

  target(target: Target): void {
    this.#target = target;
  }

  async begin(shape: Shape, provided: Provided, failed: (why: string) => void): Promise<void> {
    this.#shape = shape;
    this.#workspace = provided as Workspace;
    for (let group = 0; group < shape.groups; group++) {
      const answer: TakeText = (data, start, end) => {
        if (startsWith(data, start, end, refused)) failed(`a message was refused: ${data.toString("utf8", start, end)}`);
      };
      this.#publishers.push(new Gathered(await this.#connect(group, answer, failed)));
    }
  }

  subscribe(socket: number, take: TakeText, closed: (why: string) => void): Promise<Socket> {
    return this.#connect(groupOf(this.#shape, socket), take, closed);
  }

  publish(channel: number, payload: Buffer): void {
    const publisher = this.#publishers[Math.floor(channel / this.#shape.channelsPerGroup)];
    publisher?.write(textFrame(`{"type":"message","id":${++this.#published},"channel":"${channelName(this.#workspace.firstChannel + channel)}","text":"${payload.toString("latin1")}"}`));
  }

  async end(): Promise<void> {
    for (const publisher of this.#publishers.splice(0)) publisher.destroy();
  }

  async #connect(group: number, take: TakeText, closed: (why: string) => void): Promise<Socket> {
    const response = await fetch(`${this.#workspace.api}/api/rtm.connect`, { method: "POST", headers: { authorization: `Bearer ${this.#workspace.tokens[group]}` } });
    const { url, error } = (await response.json()) as { url?: string; error?: string };
    if (url === undefined) throw new Error(`rtm.connect: ${error}`);
    return openGreeted(this.#target, new URL(url).pathname, { greets: isHello }, take, closed);
  }
}
