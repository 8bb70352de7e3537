/** A client on a bare TCP socket that can stop reading, and checks that each of its channels comes whole and in order over all its connections. */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

/** Of a message: its channel, its offset and when it was published. */
const shape = /^\{"type":"message","channel":"(\w+)","x_off":(\d+),"at":([\d.]+),/;

export class Reader {
  readonly user: string;
  readonly offsets: Record<string, number> = {};
  readonly faults: string[] = [];
  /** told how long each message took, ms; undefined: not told */
  onLatency: ((channel: string, ms: number) => void) | undefined;
  isOpen = false;
  /** of its last connection's Close frame */
  closeCode: number | undefined;
  #socket: Socket | undefined;
  #rest: Buffer = Buffer.alloc(0);
  #greeted: (() => void) | undefined;

  constructor(user: string) {
    this.user = user;
  }

  /** Resolves with its `hello`. */
  async open(port: number, ticket: string): Promise<void> {
    this.#socket?.destroy();
    const socket = (this.#socket = connect(port, "127.0.0.1"));
    this.#rest = Buffer.alloc(0);
    let upgraded = false;
    await new Promise<void>((resolve, reject) => {
      this.#greeted = resolve;
      socket.on("error", () => {}).on("close", () => {
        if (socket === this.#socket) this.isOpen = false;
        reject(new Error(`${this.user} got no hello: ${this.#rest.toString("latin1", 0, 200)}`));
      });
      socket.on("data", (chunk) => {
        if (socket !== this.#socket) return;
        this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
        const head = upgraded ? -4 : this.#rest.indexOf("\r\n\r\n");
        if (!upgraded && (head < 0 || !this.#rest.toString("latin1", 0, 12).endsWith("101"))) return;
        if (!upgraded) this.#rest = this.#rest.subarray(head + 4);
        upgraded = true;
        this.#frames(socket);
      });
      socket.write(`GET /ws/${ticket} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`);
    });
  }

  /** Reads nothing any more, until `read`. */
  stick(): void {
    this.#socket?.pause();
  }

  read(): void {
    this.#socket?.resume();
  }

  close(): void {
    this.#socket?.destroy();
  }

  #frames(socket: Socket): void {
    const data = this.#rest;
    let at = 0;
    while (at + 2 <= data.length) {
      const short = data[at + 1]! & 0x7f;
      const start = at + (short < 126 ? 2 : short === 126 ? 4 : 10);
      if (start > data.length) break;
      const length = short < 126 ? short : short === 126 ? data.readUInt16BE(at + 2) : data.readUInt32BE(at + 6);
      if (start + length > data.length) break;
      const kind = data[at]! & 0x0f;
      if (kind === 1) this.#text(data.toString("latin1", start, Math.min(start + length, start + 120)));
      else if (kind === 8) {
        this.closeCode = length >= 2 ? data.readUInt16BE(start) : undefined;
        socket.destroy();
      }
      else if (kind === 9) socket.write(Buffer.concat([Buffer.from([0x8a, 0x80 | length, 0, 0, 0, 0]), data.subarray(start, start + length)]));
      at = start + length;
    }
    this.#rest = data.subarray(at);
  }

  #text(text: string): void {
    const message = shape.exec(text);
    if (message === null) {
      if (!text.startsWith('{"type":"hello"')) return void this.faults.push(`${this.user}: ${text}`);
      this.isOpen = true;
      this.#greeted?.();
      return;
    }
    const [, channel, offset, at] = message as unknown as [string, string, string, string];
    const last = this.offsets[channel] ?? 0;
    if (Number(offset) !== last + 1) this.faults.push(`${this.user}: ${channel} ${offset} after ${last}`);
    this.offsets[channel] = Number(offset);
    this.onLatency?.(channel, performance.now() - Number(at));
  }
}
