/**
 * The peers of one Envoy, in a process of their own: the servers behind it, the load before it, and the streams that stay open.
 * Talks to its parent over IPC and ends with it. Both sides are bare sockets, so that little of the machine goes to them.
 */
import { createServer, connect, type Server, type Socket } from "node:net";
import type { Command, Loaded } from "./peer.ts";

const CONNECTIONS = 32;
/** Different channels asked for: as many slots must be looked up once before the ring is warm. */
const IDS = 4096;
const OPENING = 64;
const ANSWER = Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
const SWITCHED = Buffer.from("HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n");

let envoyPort = 0;
let requests: readonly Buffer[] = [];
let nextRequest = 0;
const idle: Socket[] = [];
const streams: Socket[] = [];

/** Whether it ends a head: nothing here has a body. */
function isHead(chunk: Buffer): boolean {
  return chunk.length >= 16 && chunk.readUInt32BE(chunk.length - 4) === 0x0d0a0d0a;
}

async function listen(count: number): Promise<number[]> {
  const answer = (socket: Socket): void => {
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      if (!isHead(chunk)) throw new Error("a request came in pieces");
      socket.write(chunk[5] === 0x77 ? SWITCHED : ANSWER); // the w of GET /ws/
    });
  };
  const one = (): Promise<Server> =>
    new Promise((done, fail) => {
      const server = createServer(answer);
      server.once("error", fail);
      server.listen(0, "127.0.0.1", () => done(server));
    });
  const servers = await Promise.all(Array.from({ length: count }, one));
  return servers.map((server) => (server.address() as { port: number }).port);
}

function prepare(servers: readonly number[] | undefined): void {
  requests = Array.from({ length: IDS }, (_, i) => {
    const pick = (j: number): string => `127.0.0.1:${servers?.[(i * 7 + j) % servers.length]}`;
    const upstream = servers === undefined ? "" : `x-ringway-upstream: ${pick(0)},${pick(1)},${pick(2)}\r\n`;
    return Buffer.from(
      `GET /v1/channels/C${(0x2000000 + i * 7919).toString(36).toUpperCase()}/messages?after=${i} HTTP/1.1\r\nhost: bench.local\r\n` +
        `user-agent: ringway-bench/1\r\naccept: application/json\r\nauthorization: Bearer xoxb-0123456789-abcdefghijklmnop\r\n${upstream}\r\n`,
    );
  });
}

function open(): Promise<Socket> {
  return new Promise((done, fail) => {
    const socket = connect(envoyPort, "127.0.0.1", () => done(socket));
    socket.setNoDelay(true);
    socket.once("error", fail);
  });
}

/** Keeps every connection busy, one request at a time, until `ms` have passed or `count` are out; then waits for the rest. */
async function load(ms: number, count: number): Promise<Loaded> {
  while (idle.length < CONNECTIONS) idle.push(await open());
  let sent = 0;
  let answered = 0;
  let failed = 0;
  let running = idle.length;
  const started = performance.now();
  const end = started + ms;
  await new Promise<void>((done) => {
    for (const socket of idle) {
      const next = (): void => {
        if (sent < count && performance.now() < end) {
          sent++;
          socket.write(requests[nextRequest++ % IDS] ?? ANSWER);
        } else if (--running === 0) done();
      };
      socket.removeAllListeners("data");
      socket.on("data", (chunk) => {
        if (!isHead(chunk)) throw new Error("an answer came in pieces");
        answered++;
        if (chunk[9] !== 0x32) failed++; // not 2xx
        next();
      });
      next();
    }
  });
  return { answered, failed, ms: performance.now() - started };
}

async function stream(user: number): Promise<void> {
  const socket = await open();
  await new Promise<void>((done, fail) => {
    socket.once("close", () => fail(new Error("Envoy closed a stream")));
    socket.once("data", (chunk) => (chunk.toString("latin1", 9, 12) === "101" ? done() : fail(new Error(`a stream was refused: ${chunk.toString()}`))));
    socket.write(
      `GET /ws/U${user}.secret HTTP/1.1\r\nhost: bench.local\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    );
  });
  streams.push(socket);
}

async function openStreams(total: number): Promise<void> {
  let user = streams.length;
  const opener = async (): Promise<void> => {
    while (user < total) await stream(user++);
  };
  await Promise.all(Array.from({ length: OPENING }, opener));
}

async function run(command: Command): Promise<unknown> {
  switch (command.do) {
    case "listen":
      return listen(command.servers);
    case "target":
      envoyPort = command.port;
      return prepare(command.choose);
    case "load":
      return load(command.ms, command.count);
    case "stream":
      return openStreams(command.total);
  }
}

process.on("disconnect", () => process.exit());
process.on("message", (command: Command) => {
  run(command).then(
    (value) => process.send?.({ value: value ?? null }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
