/**
 * A client that comes back by itself, as docs/protocol.md asks clients to: at once when its connection breaks, in its turn after
 * a `goodbye`, each time with the offsets that it has seen. In the latter case it connects first and leaves then, so that it waits
 * for nothing meanwhile.
 */
import { Connection, type Frame, type Offsets } from "./connection.ts";

export type { Frame, Offsets } from "./connection.ts";

export interface ClientEvents {
  /** What it has seen, for the next connection. */
  offsets(): Offsets;
  /** `hello` came: it may send. Events after `offsets` come, also those that another connection has shown meanwhile. */
  connected(gateway: string, offsets: Offsets): void;
  frame(frame: Frame): void;
  /** A connection is over; nothing more comes from it. */
  lost(why: string, connection: Connection): void;
  /** Whether nothing is under way on a connection that was told to leave. */
  idle(connection: Connection): boolean;
}

/** The second try waits so long, and each further one as much longer. */
const again = { stepMs: 50, mostMs: 500 };
/** acks that are due on a connection that was left are waited for so long */
const lastAcksWithinMs = 1_000;
const lookEveryMs = 5;

export class Client {
  readonly #api: string;
  readonly #token: string;
  readonly #events: ClientEvents;
  /** the one that sends */
  #live: Connection | undefined;
  /** all that are not over */
  readonly #open = new Set<Connection>();
  #stopped = false;
  #wake: () => void = () => {};
  #running: Promise<void> | undefined;

  constructor(api: string, token: string, events: ClientEvents) {
    this.#api = api;
    this.#token = token;
    this.#events = events;
  }

  /** There is a connection over which it may send. */
  get isOpen(): boolean {
    return this.#live !== undefined && !this.#live.isOver;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** @returns over which connection it went; undefined where there is none */
  send(frame: Frame): Connection | undefined {
    if (!this.isOpen) return undefined;
    this.#live!.send(frame);
    return this.#live;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const connection of this.#open) connection.close("stopped");
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#stopped; ) {
      const connection = await this.#connect();
      failures = connection === undefined ? failures + 1 : 0;
      await (connection?.turn ?? this.#pause(Math.min(again.mostMs, failures * again.stepMs)));
    }
  }

  /** @returns a connection that has said hello; undefined where there was no gateway, or no webapp, yet */
  async #connect(): Promise<Connection | undefined> {
    const connection: Connection = new Connection(this.#events.offsets(), {
      hello: (one) => {
        const before = this.#live;
        this.#live = one;
        if (before !== undefined) void this.#leave(before);
        this.#events.connected(one.gateway, one.offsets);
      },
      frame: (frame, from) => {
        if (from === this.#live || "reply_to" in frame) this.#events.frame(frame);
      },
      over: (why, one) => {
        this.#open.delete(one);
        this.#events.lost(why, one);
      },
    });
    this.#open.add(connection);
    try {
      await connection.open(this.#api, this.#token);
    } catch {
      this.#open.delete(connection);
      connection.close("not opened");
      return undefined;
    }
    return connection;
  }

  /** What is under way there may end; nothing else comes from it any more. */
  async #leave(connection: Connection): Promise<void> {
    const until = performance.now() + lastAcksWithinMs;
    while (!connection.isOver && !this.#events.idle(connection) && performance.now() < until) await new Promise((done) => setTimeout(done, lookEveryMs));
    connection.close("goodbye");
  }

  async #pause(ms: number): Promise<void> {
    if (this.#stopped) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
