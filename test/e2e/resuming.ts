import { connectRtm, type Frame, type Rtm } from "./client.ts";
import { until } from "./wait.ts";

export interface ResumingOptions {
  /** it leaves when its `goodbye` says, by itself; else it waits to be closed */
  readonly paced?: boolean;
}

/** A client that comes back by itself with its offsets, as `docs/protocol.md` asks clients to do. */
export class Resuming {
  readonly #url: string;
  readonly #token: string;
  readonly #paced: boolean;
  /** all frames of all its connections */
  readonly frames: Frame[] = [];
  /** how often it connected */
  connections = 0;
  /** when it got each of its `hello`s, ms */
  readonly helloAt: number[] = [];
  #offsets: Record<string, number> = {};
  #rtm: Rtm | undefined;
  #stopped = false;
  readonly #running: Promise<void>;

  constructor(url: string, token: string, { paced = false }: ResumingOptions = {}) {
    this.#url = url;
    this.#token = token;
    this.#paced = paced;
    this.#running = this.#run();
  }

  get connected(): boolean {
    return this.#rtm !== undefined && !this.#rtm.isClosed;
  }

  /** Waits for its next `hello` when it is not connected. */
  async ready(): Promise<Rtm> {
    await until("a connected client", () => this.connected);
    return this.#rtm!;
  }

  messages(channel: string): Frame[] {
    return [...this.frames, ...(this.#rtm?.frames ?? [])].filter((frame) => frame.type === "message" && frame.channel === channel);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        const rtm = await connectRtm(this.#url, this.#token, { ...(this.connections === 0 ? {} : { offsets: this.#offsets }), paced: this.#paced });
        this.connections++;
        this.helloAt.push(performance.now());
        this.#rtm = rtm;
        if (this.#paced) void leaveWhenTold(rtm);
        await rtm.closed;
      } catch {
        // No gateway yet: try again.
      }
      const old = this.#rtm;
      this.#rtm = undefined;
      if (old !== undefined) {
        Object.assign(this.#offsets, old.offsets());
        this.frames.push(...old.frames);
      }
      // One that was sent away comes back at once: what is to be spread, its gateway has spread.
      const sentAway = old?.frames.some(({ type }) => type === "goodbye") === true;
      if (!this.#stopped && !sentAway) await new Promise((done) => setTimeout(done, 50));
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#rtm?.socket.close();
    await this.#running;
  }
}

/** Goes on until the time that its `goodbye` names. */
async function leaveWhenTold(rtm: Rtm): Promise<void> {
  try {
    const goodbye = await rtm.waitFor("goodbye", ({ type }) => type === "goodbye", 600_000);
    await new Promise((done) => setTimeout(done, goodbye["x_delay_ms"] as number));
    await rtm.close();
  } catch {
    // It was closed before.
  }
}
