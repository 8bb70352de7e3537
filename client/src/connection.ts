/** One WebSocket: from its ticket to its end. */
import type { Frame } from "./events.ts";

const helloWithinMs = 15_000;
const pingEveryMs = 10_000;
const roundTripsKept = 5;
/** so long without a frame, and it is dead */
const silentMs = 25_000;

export interface ConnectionEvents {
  /** it may be used from now on */
  hello(connection: Connection, frame: Frame): void;
  frame(connection: Connection, frame: Frame): void;
  /** the server asks it to leave after so many milliseconds */
  goodbye(connection: Connection, delayMs: number): void;
  /** once, whether it said hello before or not */
  over(connection: Connection, why: string): void;
}

export class Connection {
  readonly #events: ConnectionEvents;
  readonly #socket: WebSocket;
  readonly #timer: ReturnType<typeof setInterval>;
  #phase: "opening" | "live" | "over" = "opening";
  #heardAt = Date.now();
  /** of the last pings, in ms */
  #roundTrips: readonly number[] = [];

  constructor(url: string, events: ConnectionEvents) {
    this.#events = events;
    const bornAt = Date.now();
    this.#socket = new WebSocket(url);
    this.#socket.addEventListener("message", ({ data }) => this.#message(String(data)));
    this.#socket.addEventListener("error", () => this.#end("no connection"));
    this.#socket.addEventListener("close", ({ code, reason }) => this.#end(`${code}${reason === "" ? "" : ` ${reason}`}`));
    this.#timer = setInterval(() => {
      if (this.#phase === "opening" && Date.now() - bornAt > helloWithinMs) return this.close("no hello");
      if (this.#phase === "live" && Date.now() - this.#heardAt > silentMs) return this.close("silent");
      if (this.#phase === "live") this.#ping();
    }, pingEveryMs);
  }

  /** From a ping to its pong, the least of the last few: more than that is the waiting of a busy page. Undefined before the first. */
  get roundTripMs(): number | undefined {
    return this.#roundTrips.length === 0 ? undefined : Math.min(...this.#roundTrips);
  }

  get isLive(): boolean {
    return this.#phase === "live";
  }

  send(frame: Frame): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  /** `over` is told at once: a peer that is gone never answers a Close frame. */
  close(why: string): void {
    this.#socket.close(1000);
    this.#end(why);
  }

  #message(text: string): void {
    if (this.#phase === "over") return;
    this.#heardAt = Date.now();
    let frame: Frame;
    try {
      frame = JSON.parse(text) as Frame;
    } catch {
      return this.close("a frame that is no JSON");
    }
    if (frame["type"] === "hello" && this.#phase === "opening") {
      this.#phase = "live";
      this.#events.hello(this, frame);
      this.#ping();
    } else if (frame["type"] === "pong") this.#pong(Number(frame["at"]));
    else if (frame["type"] === "goodbye") this.#events.goodbye(this, Math.max(0, Number(frame["x_delay_ms"] ?? 0)));
    else this.#events.frame(this, frame);
  }

  /** A pong brings back every field of its ping: this one says when that was. */
  #ping(): void {
    this.send({ type: "ping", at: performance.now() });
  }

  #pong(at: number): void {
    this.#roundTrips = [...this.#roundTrips, performance.now() - at].slice(-roundTripsKept);
    // The first ones find a page that is busy beginning.
    if (this.#roundTrips.length < roundTripsKept) this.#ping();
  }

  #end(why: string): void {
    if (this.#phase === "over") return;
    this.#phase = "over";
    clearInterval(this.#timer);
    this.#events.over(this, why);
  }
}
