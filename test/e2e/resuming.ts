import { connectRtm, type Frame, type Rtm } from "./client.ts";
import { until } from "./wait.ts";

/** A client that comes back by itself with its offsets, as `docs/protocol.md` asks clients to do. */
export class Resuming {
  readonly #url: string;
  readonly #token: string;
  /** all frames of all its connections */
  readonly frames: Frame[] = [];
  /** how often it connected */
  connections = 0;
  #offsets: Record<string, number> = {};
  #rtm: Rtm | undefined;
  #stopped = false;
  readonly #running: Promise<void>;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
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
        const rtm = await connectRtm(this.#url, this.#token, this.connections === 0 ? {} : { offsets: this.#offsets });
        this.connections++;
        this.#rtm = rtm;
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
      if (!this.#stopped) await new Promise((done) => setTimeout(done, 50));
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#rtm?.socket.close();
    await this.#running;
  }
}
