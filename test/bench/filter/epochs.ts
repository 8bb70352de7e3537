/** Clients and servers that tell by which epoch each request was routed. Bare sockets, as in driver.ts, in this process. */
import { connect, createServer, type Server, type Socket } from "node:net";

/** One connection asks after the other, this far apart, so that a turn of a worker's loop has one request to do and not a heap of them. */
const STEP_MS = 1;
const CHANNELS = 64;

/** Ends of heads: nothing here has a body. */
function isHead(chunk: Buffer): boolean {
  return chunk.length >= 4 && chunk.readUInt32BE(chunk.length - 4) === 0x0d0a0d0a;
}

/** Servers that answer with the epoch in the request's headers. */
export class EpochServers {
  readonly #servers: Server[] = [];
  readonly #open = new Set<Socket>();

  /** @returns the ports of so many servers */
  async start(count: number): Promise<number[]> {
    const one = (): Promise<number> =>
      new Promise((done, fail) => {
        const server = createServer((socket) => this.#serve(socket));
        this.#servers.push(server);
        server.once("error", fail);
        server.listen(0, "127.0.0.1", () => done((server.address() as { port: number }).port));
      });
    return Promise.all(Array.from({ length: count }, one));
  }

  async stop(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((done) => server.close(done))));
  }

  #serve(socket: Socket): void {
    this.#open.add(socket);
    socket.setNoDelay(true);
    socket.on("close", () => this.#open.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      if (!isHead(chunk)) throw new Error("a request came in pieces");
      const epoch = /^x-ringway-epoch: (\d+)\r$/m.exec(chunk.toString("latin1"))?.[1] ?? "0";
      socket.write(`HTTP/1.1 200 OK\r\nx-seen-epoch: ${epoch}\r\ncontent-length: 0\r\n\r\n`);
    });
  }
}

/** Keep-alive connections to an Envoy; they ask in turn, again and again, and each remembers by which epoch it was routed last. */
export class EpochClients {
  readonly #sockets: Socket[] = [];
  readonly #seen: number[] = [];
  readonly #idle = new Set<number>();
  #timer: NodeJS.Timeout | undefined;
  #next = 0;
  #waiting: { readonly epoch: number; readonly done: (atMs: number) => void } | undefined;
  #fail: (error: Error) => void = () => {};

  /** Rejects when a connection fails, an answer is no 200, or a connection gets an older epoch than before. */
  readonly failure = new Promise<never>((_, fail) => (this.#fail = fail));

  async start(port: number, connections: number): Promise<void> {
    this.failure.catch(() => {}); // whoever waits hears of it
    for (let i = 0; i < connections; i++) await this.#open(port, i);
    this.#timer = setInterval(() => this.#ask(), STEP_MS);
  }

  /** Waits until every connection is routed by this epoch or a later one. @returns when that was, by `performance.now()` */
  async reached(epoch: number): Promise<number> {
    const reached = new Promise<number>((done) => (this.#waiting = { epoch, done }));
    this.#look();
    return Promise.race([reached, this.failure]);
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket.destroy();
  }

  #open(port: number, index: number): Promise<void> {
    this.#seen[index] = 0;
    this.#idle.add(index);
    return new Promise((done) => {
      const socket = connect(port, "127.0.0.1", done);
      this.#sockets.push(socket);
      socket.setNoDelay(true);
      socket.on("error", (error) => this.#fail(error));
      socket.on("close", () => this.#fail(new Error("Envoy closed a connection")));
      socket.on("data", (chunk) => this.#answer(index, chunk));
    });
  }

  /** Lets the connection ask that has waited longest. */
  #ask(): void {
    const [index] = this.#idle;
    if (index === undefined) return;
    this.#idle.delete(index);
    this.#sockets[index]?.write(`GET /v1/channels/C${1_000 + (this.#next++ % CHANNELS)}/messages HTTP/1.1\r\nhost: bench.local\r\nuser-agent: ringway-bench/1\r\n\r\n`);
  }

  #answer(index: number, chunk: Buffer): void {
    this.#idle.add(index);
    const text = chunk.toString("latin1");
    const before = this.#seen[index] ?? 0;
    if (before === 0 && text.startsWith("HTTP/1.1 503")) return; // no ring yet
    const epoch = Number(/^x-seen-epoch: (\d+)\r$/m.exec(text)?.[1]);
    if (!isHead(chunk) || !text.startsWith("HTTP/1.1 200") || !(epoch >= before)) {
      return this.#fail(new Error(`after epoch ${before} a connection got: ${text}`));
    }
    this.#seen[index] = epoch;
    if (epoch > before) this.#look();
  }

  #look(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || !this.#seen.every((epoch) => epoch >= waiting.epoch)) return;
    this.#waiting = undefined;
    waiting.done(performance.now());
  }
}
