/** A server that a client takes for a plane: what it answers, and when, is the test's own. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer, type WebSocket } from "ws";

type Fields = Readonly<Record<string, unknown>>;
export type Answer = (args: Fields) => Fields | Promise<Fields>;

export interface SmallServer {
  readonly url: string;
  /** method → how it answers; a test changes them as it goes */
  readonly answers: Map<string, Answer>;
  readonly asked: { readonly method: string; readonly args: Fields }[];
  /** the args of all calls of a method */
  argsOf(method: string): Fields[];
  /** to the newest connection */
  send(frame: Fields): void;
  /** breaks the newest connection */
  cut(): void;
  close(): void;
}

/** @param after seconds, as `Retry-After` */
export function refusal(error: string, after?: number): Fields {
  return { ok: false, error, after };
}

export async function serveSmall(self: string, answers: Readonly<Record<string, Answer>>): Promise<SmallServer> {
  const asked: { method: string; args: Fields }[] = [];
  const sockets: WebSocket[] = [];
  const byMethod = new Map(Object.entries(answers));
  const server = createServer((req, res) => {
    let body = "";
    req.on("data", (chunk: Buffer) => (body += chunk.toString()));
    req.on("end", async () => {
      const method = req.url!.slice("/api/".length);
      const args = JSON.parse(body) as Fields;
      asked.push({ method, args });
      const answer = method === "rtm.connect" ? { url: `ws://${req.headers.host}/`, self: { id: self } } : ((await byMethod.get(method)?.(args)) ?? {});
      const after = (answer as Fields)["after"];
      res.writeHead(200, after === undefined ? {} : { "retry-after": String(after) }).end(JSON.stringify({ ok: true, ...answer }));
    });
  });
  new WebSocketServer({ server }).on("connection", (socket) => {
    sockets.push(socket);
    socket.on("message", (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as Fields;
      if (frame["type"] === "ping") socket.send(JSON.stringify({ ...frame, type: "pong" }));
    });
    socket.send(JSON.stringify({ type: "hello", x_gateway: "gw-0", x_session: sockets.length }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answers: byMethod,
    asked,
    argsOf: (method) => asked.filter((call) => call.method === method).map(({ args }) => args),
    send: (frame) => sockets.at(-1)!.send(JSON.stringify(frame)),
    cut: () => sockets.at(-1)!.terminate(),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
