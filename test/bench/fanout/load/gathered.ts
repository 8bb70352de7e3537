import type { Socket } from "node:net";

/** Writes of one turn of the event loop leave as one, as they do on Ringway's links: eight publishes at once are one segment for every system. */
export class Gathered {
  readonly #socket: Socket;
  #waiting: Buffer[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  write(bytes: Buffer): void {
    if (this.#waiting.push(bytes) > 1) return;
    setImmediate(() => {
      this.#socket.write(Buffer.concat(this.#waiting));
      this.#waiting = [];
    });
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
