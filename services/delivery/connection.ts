/** One connection of a client's: from its ticket to its end. */
import { limits } from "../protocol/limits.ts";
import { connectSocket, type Socket } from "../runtime/socket.ts";
import { callApi } from "./web-api.ts";

/** A frame from the plane: any field may be absent. */
export type Frame = Readonly<Record<string, unknown>>;
/** channel → last offset seen */
export type Offsets = Readonly<Record<string, number>>;

const connectWithinMs = 5_000;
const helloWithinMs = 5_000;
const pingEveryMs = 1_000;
/** no frame for so long is a dead connection */
const silentMs = 5_000;

export interface ConnectionEvents {
  /** it may be used from now on */
  hello(connection: Connection): void;
  frame(frame: Frame, from: Connection): void;
  /** It is over; nothing more comes from it. Not called where it never said hello. */
  over(why: string, connection: Connection): void;
}

export class Connection {
  readonly #events: ConnectionEvents;
  #socket: Socket | undefined;
  #phase: "opening" | "live" | "over" = "opening";
  #aliveAt = performance.now();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** runs since a `goodbye`; a later one takes its place */
  #turnTimer: NodeJS.Timeout | undefined;
  readonly #hello = Promise.withResolvers<void>();
  readonly #turn = Promise.withResolvers<void>();
  /** the gateway it led to */
  gateway = "";
  /** the offsets with which it was asked for */
  readonly offsets: Offsets;

  constructor(offsets: Offsets, events: ConnectionEvents) {
    this.offsets = offsets;
    this.#events = events;
  }

  /** Resolves at `hello`. @throws where it does not come so far: `close` it then */
  async open(api: string, token: string): Promise<void> {
    const { url } = await callApi(api, token, "rtm.connect", { x_offsets: this.offsets, x_resume: true });
    if (this.isOver) throw new Error("closed");
    const late = setTimeout(() => this.#end("no hello"), helloWithinMs + connectWithinMs);
    this.#timers.add(late);
    const socket = await connectSocket(String(url), limits.linkMessageBytes, connectWithinMs, (socket) => {
      this.#socket = socket;
      this.#aliveAt = performance.now();
      return {
        text: (text) => {
          this.#aliveAt = performance.now();
          this.#text(text);
        },
        binary: () => this.#end("a binary frame"),
        alive: () => void (this.#aliveAt = performance.now()),
        closed: (code, reason) => this.#end(`closed with ${code}${reason === "" ? "" : ` ${reason}`}`),
      };
    });
    if (this.isOver) socket.destroy();
    else this.#timers.add(setInterval(() => (performance.now() - this.#aliveAt < silentMs ? socket.send('{"type":"ping"}') : this.#end("silent")), pingEveryMs));
    await this.#hello.promise;
    clearTimeout(late);
  }

  /** Resolves when the client should leave: its turn after a `goodbye` has come, or all is over already. */
  get turn(): Promise<void> {
    return this.#turn.promise;
  }

  get isOver(): boolean {
    return this.#phase === "over";
  }

  send(frame: Frame): void {
    this.#socket?.send(JSON.stringify(frame));
  }

  close(why: string): void {
    this.#end(why, true);
  }

  #text(text: string): void {
    if (this.#phase === "over") return;
    const frame = JSON.parse(text) as Frame;
    if (frame["type"] === "hello") {
      this.#phase = "live";
      this.gateway = String(frame["x_gateway"] ?? "");
      this.#events.hello(this);
      this.#hello.resolve();
    } else if (frame["type"] === "goodbye") {
      clearTimeout(this.#turnTimer);
      this.#timers.add((this.#turnTimer = setTimeout(this.#turn.resolve, Number(frame["x_delay_ms"] ?? 0))));
    } else this.#events.frame(frame, this);
  }

  #end(why: string, politely = false): void {
    if (this.#phase === "over") return;
    const wasLive = this.#phase === "live";
    this.#phase = "over";
    for (const timer of this.#timers) clearInterval(timer);
    if (politely) this.#socket?.close(1000, "");
    else this.#socket?.destroy();
    this.#hello.reject(new Error(why));
    this.#hello.promise.catch(() => undefined);
    this.#turn.resolve();
    if (wasLive) this.#events.over(why, this);
  }
}
