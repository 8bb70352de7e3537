/**
 * A client that comes back by itself, as docs/protocol.md asks clients to: at once when its socket breaks, after the delay of a
 * `goodbye`, each time with the offsets that it has seen.
 */
import { limits } from "../protocol/limits.ts";
import { connectSocket, type Socket } from "../runtime/socket.ts";
import { callApi } from "./web-api.ts";

/** A frame from the plane: any field may be absent. */
export type Frame = Readonly<Record<string, unknown>>;

export interface ClientEvents {
  /** What it has seen, for the next connection. */
  offsets(): Readonly<Record<string, number>>;
  /** `hello` came: it may send. */
  connected(gateway: string): void;
  frame(frame: Frame): void;
  /** The connection is over; nothing more comes from it. */
  lost(why: string): void;
  /** Whether it may leave a gateway that said goodbye: nothing is under way. */
  idle(): boolean;
}

/** The second try waits so long, and each further one as much longer. */
const again = { stepMs: 50, mostMs: 500 };
const connectWithinMs = 5_000;
const pingEveryMs = 1_000;
/** no frame for so long is a dead connection */
const silentMs = 5_000;
/** after the delay of a goodbye, acks that are due are waited for so long */
const leaveWithinMs = 1_000;

export class Client {
  readonly #api: string;
  readonly #token: string;
  readonly #events: ClientEvents;
  #socket: Socket | undefined;
  #isLive = false;
  #isLeaving = false;
  #stopped = false;
  #end: (why: string) => void = () => {};
  #wake: () => void = () => {};
  #running: Promise<void> | undefined;

  constructor(api: string, token: string, events: ClientEvents) {
    this.#api = api;
    this.#token = token;
    this.#events = events;
  }

  /** Connected, and not about to leave. */
  get isOpen(): boolean {
    return this.#isLive && !this.#isLeaving;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  send(frame: Frame): void {
    this.#socket?.send(JSON.stringify(frame));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#end("stopped");
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#stopped; ) {
      // A rejection: no gateway, or no webapp, yet.
      const wasLive = await this.#connect().catch(() => false);
      failures = wasLive ? 0 : failures + 1;
      if (failures > 0 && !this.#stopped) await this.#pause(Math.min(again.mostMs, failures * again.stepMs));
    }
  }

  /** Resolves when the connection is over. @returns whether it came as far as `hello` */
  async #connect(): Promise<boolean> {
    const { url } = await callApi(this.#api, this.#token, "rtm.connect", { x_offsets: this.#events.offsets(), x_resume: true });
    if (this.#stopped) return false;
    let wasLive = false;
    let over = false;
    const ended = Promise.withResolvers<void>();
    const timers = new Set<NodeJS.Timeout>();
    let aliveAt = performance.now();
    const end = (why: string): void => {
      if (over) return;
      over = true;
      for (const timer of timers) clearInterval(timer);
      this.#socket = undefined;
      this.#isLive = this.#isLeaving = false;
      if (wasLive) this.#events.lost(why);
      ended.resolve();
    };
    const leave = (socket: Socket, until: number): void => {
      if (over) return;
      if (!this.#events.idle() && performance.now() < until) return void timers.add(setTimeout(() => leave(socket, until), 5));
      end("goodbye");
      socket.close(1000, "");
    };
    const onText = (socket: Socket) => (text: string): void => {
      if (over) return;
      const frame = JSON.parse(text) as Frame;
      if (frame["type"] === "hello") {
        this.#isLive = wasLive = true;
        this.#events.connected(String(frame["x_gateway"] ?? ""));
      } else if (frame["type"] === "goodbye") {
        this.#isLeaving = true;
        timers.add(setTimeout(() => leave(socket, performance.now() + leaveWithinMs), Number(frame["x_delay_ms"] ?? 0)));
      } else this.#events.frame(frame);
    };
    const socket = await connectSocket(String(url), limits.linkMessageBytes, connectWithinMs, (socket) => {
      this.#socket = socket;
      return { text: onText(socket), binary: () => end("a binary frame"), alive: () => (aliveAt = performance.now()), closed: (code, reason) => end(`closed with ${code}${reason === "" ? "" : ` ${reason}`}`) };
    });
    this.#end = (why) => {
      end(why);
      socket.close(1000, "");
    };
    if (this.#stopped) this.#end("stopped");
    if (!over) timers.add(setInterval(() => (performance.now() - aliveAt < silentMs ? socket.send('{"type":"ping"}') : (end("silent"), socket.destroy())), pingEveryMs));
    await ended.promise;
    return wasLive;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
