import { createServer, type Server } from "node:net";

/** Listens on 127.0.0.1; port 0 takes a free one. Gives the port. */
export async function listenOnFreePort(server: Server, port = 0): Promise<number> {
  await new Promise<void>((done, fail) => {
    server.once("error", fail);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", fail);
      done();
    });
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not a TCP server");
  return address.port;
}

/** A port that was free a moment ago, for a process that must be told its port. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listenOnFreePort(server);
  await new Promise((done) => server.close(done));
  return port;
}
