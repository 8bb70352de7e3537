/** A proxy between clients and a plane that breaks every promise once: what a check has to find. */
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { WebSocket, WebSocketServer } from "ws";

interface Frame {
  readonly type?: string;
  readonly channel?: string;
  readonly client_msg_id?: string;
}

/** What it did, with the key of the message that it was done to. */
export interface Tampered {
  dropped?: string;
  doubled?: string;
  swapped?: string;
  acked?: string;
}

export class TamperingProxy {
  readonly done: Tampered = {};
  readonly #plane: URL;
  readonly #server: Server;
  readonly #doors = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  readonly #sockets = new Set<WebSocket>();

  constructor(plane: string) {
    this.#plane = new URL(plane);
    this.#server = createServer((req, res) => void this.#call(req, res));
    this.#server.on("upgrade", (req, stream, head) => this.#doors.handleUpgrade(req, stream, head, (client) => this.#relay(client, req.url!)));
  }

  /** @returns where clients find it */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return `http://127.0.0.1:${address.port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** One message of the Web API is acked and never sent on. The Host header stays, so that `rtm.connect` names this proxy. */
  async #call(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    if (this.done.acked === undefined && req.url === "/api/chat.postMessage") {
      this.done.acked = (JSON.parse(body.toString("utf8")) as Frame).client_msg_id!;
      res.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ ok: true, ts: "1.000000" }));
      return;
    }
    const { hostname, port } = this.#plane;
    const onward = request({ hostname, port, method: req.method, path: req.url, headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(res);
    });
    onward.on("error", () => res.destroy());
    onward.end(body);
  }

  #relay(client: WebSocket, path: string): void {
    const plane = new WebSocket(`ws://${this.#plane.host}${path}`, { perMessageDeflate: false });
    const tamper = this.#tamper();
    const early: string[] = [];
    for (const socket of [client, plane]) {
      this.#sockets.add(socket);
      socket.on("error", () => socket.terminate());
    }
    client.on("message", (data: Buffer) => (plane.readyState === WebSocket.OPEN ? plane.send(data.toString("utf8")) : early.push(data.toString("utf8"))));
    plane.on("open", () => early.splice(0).forEach((text) => plane.send(text)));
    plane.on("message", (data: Buffer) => tamper(data.toString("utf8")).forEach((text) => client.send(text)));
    client.on("close", () => plane.terminate());
    plane.on("close", () => client.terminate());
  }

  /** Each fault hits another socket: the first one with messages loses one, the next one has one twice, the third one gets two of a channel in the wrong order. */
  #tamper(): (text: string) => string[] {
    let mine: keyof Tampered | "none" | undefined;
    let held: { readonly text: string; readonly channel: string } | undefined;
    return (text) => {
      const { type, channel, client_msg_id: key } = JSON.parse(text) as Frame;
      if (type !== "message" || key === undefined || channel === undefined) return [text];
      if (mine === undefined) {
        mine = (["dropped", "doubled", "swapped"] as const).find((fault) => this.done[fault] === undefined) ?? "none";
        if (mine !== "none") this.done[mine] = key;
        if (mine === "dropped") return [];
        if (mine === "doubled") return [text, text];
        if (mine === "swapped") held = { text, channel };
        return held === undefined ? [text] : [];
      }
      if (held?.channel !== channel) return [text];
      const late = held.text;
      held = undefined;
      return [text, late];
    };
  }
}
