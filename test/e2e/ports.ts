/** Free port blocks below the kernel's ephemeral range, so that no client connection of anybody takes one by chance. */
import { connect, createServer, type Server } from "node:net";

/** Each of the test runner's workers has a part of it: two that look at the same time would find the same ones free. */
const worker = Number(process.env["VITEST_POOL_ID"] ?? 0) % 4;
const range = { from: 10_000 + 5_000 * worker, to: 15_000 + 5_000 * worker };
/** From there on nobody in this process was given one: who was may not have taken it yet. It begins elsewhere in each process, since a port that was just left may linger. */
let next = range.from + Math.floor(Math.random() * (range.to - range.from));

/** @returns the first of `count` ports in a row that can all be bound on 127.0.0.1 now, and that nobody else in this process was given */
export async function freePorts(count: number): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const first = next + count > range.to ? range.from : next;
    next = first + count;
    const free = await Promise.all(Array.from({ length: count }, (_, i) => isFree(first + i)));
    if (free.every(Boolean)) return first;
  }
  throw new Error(`no ${count} free ports in a row between ${range.from} and ${range.to}`);
}

export async function isFree(port: number): Promise<boolean> {
  const server = await takePort(port).catch(() => undefined);
  if (server === undefined) return false;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return true;
}

/** Takes a port until the server is closed. */
export function takePort(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => resolve(server));
  });
}

/** Whether somebody accepts connections at `ip:port`. */
export function isServed(address: string): Promise<boolean> {
  const [host, port] = address.split(":") as [string, string];
  return new Promise((resolve) => {
    const socket = connect(Number(port), host);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
