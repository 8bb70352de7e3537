import { createServer } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ProtocolError } from "../protocol/problems.ts";
import { acceptSockets } from "./socket.ts";

const server = createServer();
acceptSockets(server, 1_000, () => {
  throw new ProtocolError("bad_ticket");
});
beforeAll(() => new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve)));
afterAll(() => void server.closeAllConnections());

test("a refused upgrade leaves no connection behind, also where the client does not close its end", async () => {
  const { port } = server.address() as { port: number };
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.write("GET /ws/x HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n");
  let got = "";
  socket.on("data", (chunk) => (got += chunk.toString("utf8")));
  await expect.poll(() => got).toMatch(/^HTTP\/1\.1 401 [\s\S]*"reason":"bad_ticket"/);
  await expect.poll(() => new Promise((resolve) => void server.getConnections((_error, count) => resolve(count)))).toBe(0);
  socket.destroy();
});
