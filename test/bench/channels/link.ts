/** A gateway's end of a link, which takes as many channels as it is told to. */
import { AFTER_HEAD, decodeLink, encodeLink, LINK_VERSION } from "../../../services/protocol/link.ts";
import { limits } from "../../../services/protocol/limits.ts";
import { connectSocket, type Socket } from "../../../services/runtime/socket.ts";
import { channelOf } from "./store.ts";

/** Frames of one message, and answers that may be missing before the next is sent. */
const frames = 1_000;
const outstandingMax = 5_000;
/** A server whose store is slow sends a channel away; it is asked again after this pause, as a gateway does it. */
const againMs = 250;

export class Link {
  #socket!: Socket;
  #beat!: NodeJS.Timeout;
  #answered = 0;
  #fault = "";
  #heard = (): void => {};

  static async open(address: string): Promise<Link> {
    const link = new Link();
    const closed = (): void => link.#fail("the link was closed");
    link.#socket = await connectSocket(`ws://${address}/v1/links/channel/cs-0`, limits.linkMessageBytes, 5_000, () => ({ text: closed, binary: (data) => link.#receive(data), closed }));
    link.#socket.send(encodeLink({ type: "hello", v: LINK_VERSION, server: "gw-0", epoch: 1 }));
    link.#beat = setInterval(() => link.#socket.send(encodeLink({ type: "ping", at: 0 })), 1_000);
    return link;
  }

  async subscribe(channels: number): Promise<void> {
    for (let first = 0; first < channels; first += frames) {
      await this.#until(first - outstandingMax);
      const list = Array.from({ length: Math.min(frames, channels - first) }, (_, i) => first + i);
      this.#subscribe(list.map((i) => i + 1));
    }
    await this.#until(channels);
  }

  #subscribe(chans: readonly number[]): void {
    this.#socket.send(encodeLink(...chans.map((chan) => ({ type: "subscribe", chan, after: AFTER_HEAD, id: channelOf(chan - 1) }) as const)));
  }

  unsubscribe(channels: number): void {
    for (let first = 0; first < channels; first += frames) {
      const list = Array.from({ length: Math.min(frames, channels - first) }, (_, i) => first + i);
      this.#socket.send(encodeLink(...list.map((i) => ({ type: "unsubscribe", chan: i + 1 }) as const)));
    }
  }

  end(): void {
    clearInterval(this.#beat);
    this.#heard = () => {};
    this.#socket.destroy();
  }

  async #until(answered: number): Promise<void> {
    while (this.#answered < answered) {
      await new Promise<void>((resolve) => (this.#heard = resolve));
      if (this.#fault !== "") throw new Error(this.#fault);
    }
  }

  #receive(data: Buffer): void {
    const moved: number[] = [];
    for (const frame of decodeLink(data)) {
      if (frame.type === "moved") moved.push(frame.chan);
      else if (frame.type === "subscribed" && frame.head === 1) this.#answered++;
      else if (frame.type !== "hello" && frame.type !== "pong") this.#fail(`the server said ${frame.type}`);
    }
    if (moved.length > 0) setTimeout(() => this.#subscribe(moved), againMs);
    this.#heard();
  }

  #fail(fault: string): void {
    this.#fault ||= fault;
    this.#heard();
  }
}
