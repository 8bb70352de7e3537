/** charm's topology feed with a tap in it: held, it answers with the last document that it has passed on, as if nothing had changed since. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { listenOnFreePort } from "../filter/ports.ts";

interface Answer {
  readonly status: number;
  readonly index: string;
  readonly body: Uint8Array;
}

export class HeldFeed {
  readonly #charm: string;
  readonly #server: Server;
  readonly #stopping = new AbortController();
  readonly #waiting = new Set<() => void>();
  #last: Answer | undefined;
  #held = false;
  port = 0;

  /** @param charm its URL */
  constructor(charm: string) {
    this.#charm = charm;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
  }

  async start(): Promise<this> {
    this.port = await listenOnFreePort(this.#server);
    return this;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.release();
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    for (const wake of [...this.#waiting]) wake();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.#charm);
    if (!this.#held) {
      const answer = await this.#ask(url);
      // What comes after the tap was closed is not passed on.
      if (!this.#held || this.#last === undefined) this.#last = answer;
    } else if (url.searchParams.get("index") === this.#last?.index) {
      await this.#wait(Number.parseInt(url.searchParams.get("wait") ?? "10000"));
    }
    const { status, index, body } = this.#last!;
    response.writeHead(status, { "x-consul-index": index }).end(body);
  }

  async #ask(url: URL): Promise<Answer> {
    const response = await fetch(url, { signal: this.#stopping.signal });
    return { status: response.status, index: response.headers.get("x-consul-index") ?? "", body: new Uint8Array(await response.arrayBuffer()) };
  }

  /** Until the tap is opened, at most `ms`. */
  #wait(ms: number): Promise<void> {
    return new Promise((done) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        done();
      };
      const timer = setTimeout(wake, ms);
      this.#waiting.add(wake);
    });
  }
}
