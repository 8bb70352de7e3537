import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { WebSocketServer, type WebSocket } from "ws";
import { RingwayClient, type Journey } from "./index.ts";

let server: Server | undefined;
let client: RingwayClient | undefined;
afterEach(() => {
  client?.close();
  server?.closeAllConnections();
  server?.close();
});

/** What answers rtm.connect and pings; it keeps what it was asked, and its sockets. @param refuses so many calls first */
async function serve(refuses = 0): Promise<{ url: string; asked: Record<string, unknown>[]; sockets: WebSocket[] }> {
  const asked: Record<string, unknown>[] = [];
  const sockets: WebSocket[] = [];
  server = createServer((req, res) => {
    let body = "";
    req.on("data", (chunk: Buffer) => (body += chunk.toString()));
    req.on("end", () => {
      asked.push(JSON.parse(body) as Record<string, unknown>);
      const answer = asked.length <= refuses ? { ok: false, error: "service_unavailable" } : { ok: true, url: `ws://${req.headers.host}/`, self: { id: "U1" } };
      res.writeHead(200, answer.ok ? {} : { "retry-after": "600" }).end(JSON.stringify(answer));
    });
  });
  new WebSocketServer({ server }).on("connection", (socket) => {
    sockets.push(socket);
    socket.on("message", (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as Record<string, unknown>;
      if (frame["type"] === "ping") socket.send(JSON.stringify({ ...frame, type: "pong" }));
    });
    socket.send(JSON.stringify({ type: "hello", x_gateway: "gw-0", x_session: 1 }));
  });
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, sockets };
}

test("journeys are asked for where they are wanted, and told beside the event that they belong to", async () => {
  const { url, asked, sockets } = await serve();
  client = new RingwayClient({ url, token: "t", journeys: true });
  const told: Journey[] = [];
  const offsets: number[] = [];
  client.on("journey", (journey) => told.push(journey));
  client.on("message", ({ x_off }) => offsets.push(x_off));
  client.connect();
  await vi.waitFor(() => expect(client!.state.phase).toBe("connected"));
  expect(asked[0]).toMatchObject({ x_journeys: true });
  const journey = { channel: "C1", x_off: 7, server: "cs-1", slot: 5, epoch: 3, gateway: "gw-0", taken: 1.5, received: 2, stored: 4, arrived: 5 };
  sockets[0]!.send(JSON.stringify({ type: "message", channel: "C1", user: "U2", text: "x", ts: "1.000001", x_off: 7 }));
  sockets[0]!.send(JSON.stringify({ type: "x_journey", ...journey }));
  await vi.waitFor(() => expect(told).toEqual([{ type: "x_journey", ...journey }]));
  expect(offsets).toEqual([7]);
});

test("nobody is asked for journeys unasked", async () => {
  const { url, asked } = await serve();
  client = new RingwayClient({ url, token: "t" });
  client.connect();
  await vi.waitFor(() => expect(client!.state.phase).toBe("connected"));
  expect(asked[0]).not.toHaveProperty("x_journeys");
});

test("the first pong says how long the way takes", async () => {
  const { url } = await serve();
  client = new RingwayClient({ url, token: "t" });
  expect(client.roundTripMs).toBeUndefined();
  client.connect();
  await vi.waitFor(() => expect(client!.roundTripMs).toBeGreaterThan(0));
  expect(client.roundTripMs).toBeLessThan(5_000);
});

test("who knows that the network is back need not wait for the next try", async () => {
  const { url, asked } = await serve(1);
  client = new RingwayClient({ url, token: "t" });
  client.connect();
  await vi.waitFor(() => expect(client!.state).toEqual({ phase: "waiting", why: "service_unavailable", againMs: 600_000 }));
  client.retry();
  await vi.waitFor(() => expect(client!.state.phase).toBe("connected"));
  expect(asked).toHaveLength(2);
});
