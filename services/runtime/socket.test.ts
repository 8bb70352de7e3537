import { createServer } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ProtocolError } from "../protocol/problems.ts";
import { acceptSockets, deflatedFrame, textFrame, type Socket } from "./socket.ts";

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

/** A door that greets with one compressed and one plain frame where that was agreed. */
async function greeting(deflate: boolean): Promise<{ url: string; close(): void }> {
  const door = createServer();
  const attach = (socket: Socket): object => {
    socket.writeFrame(Buffer.concat([(socket.deflates ? deflatedFrame : textFrame)(Buffer.from("long ".repeat(50))), textFrame(Buffer.from("short"))]));
    return { text: () => {}, binary: () => {}, closed: () => {} };
  };
  acceptSockets(door, 1_000, () => attach as never, deflate);
  await new Promise<void>((resolve) => void door.listen(0, "127.0.0.1", resolve));
  const { port } = door.address() as { port: number };
  return { url: `ws://127.0.0.1:${port}/`, close: () => void (door.closeAllConnections(), door.close()) };
}

test.each([true, false])("permessage-deflate (%s) is agreed to where it is switched on, and frames that were compressed once are understood", async (deflate) => {
  const door = await greeting(deflate);
  const client = new WebSocket(door.url); // undici's, which offers it
  const got: unknown[] = [];
  client.onmessage = ({ data }) => got.push(data);
  await expect.poll(() => got).toEqual(["long ".repeat(50), "short"]);
  expect(client.extensions.includes("permessage-deflate")).toBe(deflate);
  client.close();
  door.close();
});

test("a compressed message that would be larger than allowed ends its socket, before it is inflated whole", async () => {
  const door = await greeting(true);
  const { port } = new URL(door.url);
  const socket = connect({ port: Number(port), host: "127.0.0.1" });
  socket.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n");
  const bomb = deflatedFrame(Buffer.alloc(10_000_000)).subarray(4);
  const small = bomb.subarray(0, 900);
  // FIN, RSV1, text; masked with zeros
  socket.write(Buffer.concat([Buffer.from([0xc1, 0xfe, small.length >> 8, small.length & 255, 0, 0, 0, 0]), small]));
  let got = "";
  socket.on("data", (chunk) => (got += chunk.toString("hex")));
  await expect.poll(() => got).toMatch(/880203f1$/); // Close, 1009
  socket.destroy();
  door.close();
});
