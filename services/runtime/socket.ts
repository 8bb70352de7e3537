/** WebSockets. The only importer of `ws`. */
import type { IncomingMessage, Server as HttpServer } from "node:http";
import type { Duplex } from "node:stream";
import { constants, deflateRawSync } from "node:zlib";
import * as ws from "ws";
import { problem, ProtocolError, problems, type Reason } from "../protocol/problems.ts";
import { raw } from "./http.ts";
import { secureOptions } from "./tls.ts";

/** ws exports its Sender; its published types don't say so. */
const { WebSocket, WebSocketServer } = ws;
const { Sender } = ws as unknown as { Sender: { frame(data: Uint8Array, options: object): Buffer[] } };

/** A peer that does not answer a Close for so long, ms, is cut off: what is queued for one that does not read is let go then. */
const closeWithinMs = 2_000;

/** Of the window in which repeats are found, log2 of its bytes (RFC 7692, 7.1.2.1): what most clients that have a wish ask for. One that wants less is not compressed for. */
const windowBits = 12;

/** An open WebSocket, whichever side opened it. */
export interface Socket {
  /** Sends one message. Returns the bytes now queued in the process (not those the kernel holds). */
  send(data: string | Uint8Array): number;
  /** Writes frames made by `textFrame`; returns the bytes now queued. `written` is called when they left the process, or never. */
  writeFrame(frame: Uint8Array, written?: () => void): number;
  /** Whether the peer takes frames that are compressed. */
  readonly deflates: boolean;
  /** Asks the peer for a sign of life. */
  ping(): void;
  readonly queuedBytes: number;
  close(code: number, reason: string): void;
  /** Ends it at once, without a Close frame. */
  destroy(): void;
}

export interface SocketEvents {
  text(text: string): void;
  binary(data: Buffer): void;
  /** a ping or a pong: like a message, a sign of life */
  alive?(): void;
  /** once, after which nothing is called any more */
  closed(code: number, reason: string): void;
}

export interface UpgradeRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Takes an accepted socket over. */
export type Attach = (socket: Socket) => SocketEvents;

/**
 * Accepts WebSockets on `server`.
 * @param open called for each upgrade; throws (or rejects with) ProtocolError to refuse it with that problem: 421 makes Envoy try the next host
 * @param maxBytes bound of a message (inflated, where it was compressed); more closes the socket with 1009
 * @param deflate whether permessage-deflate (RFC 7692) is agreed to where it is offered: without context takeover, so that what is compressed once suits every socket
 */
export function acceptSockets(server: HttpServer, maxBytes: number, open: (request: UpgradeRequest) => Attach | Promise<Attach>, deflate = false): void {
  const perMessageDeflate = deflate && { serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: windowBits };
  const options = { noServer: true, maxPayload: maxBytes, perMessageDeflate, clientTracking: false, closeTimeout: closeWithinMs }; // the last is missing in the published types
  const acceptor = new WebSocketServer(options);
  // What an open socket's listeners can see lives as long as it does: none of them is made where the request is in sight.
  server.on("upgrade", (req, stream: Duplex, head) => {
    stream.on("error", destroyIt);
    void upgrade(acceptor, open, req, stream, head);
  });
}

function destroyIt(this: Duplex): void {
  this.destroy();
}

async function upgrade(acceptor: ws.WebSocketServer, open: (request: UpgradeRequest) => Attach | Promise<Attach>, req: IncomingMessage, stream: Duplex, head: Buffer): Promise<void> {
  const url = req.url ?? "/";
  const mark = url.indexOf("?");
  let attach: Attach;
  try {
    attach = await open({ path: mark < 0 ? url : url.slice(0, mark), query: new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1)), headers: req.headers });
  } catch (error) {
    const reason: Reason = error instanceof ProtocolError ? error.reason : "internal";
    // Node lets the client keep its end open; nobody would ever close it.
    stream.once("finish", destroyIt);
    stream.end(raw(problems[reason][0], problem(reason, error instanceof ProtocolError ? error.detail : undefined)));
    return;
  }
  // What goes wrong from here on is no fault of the peer's, and must not end as text on its WebSocket.
  acceptor.handleUpgrade(req, stream, head, (ws) => new WsSocket(ws, attach));
}

/** Opens a WebSocket; `attach` is called when it is open. Rejects with the refusal's status in the message. */
export function connectSocket(url: string, maxBytes: number, timeoutMs: number, attach: Attach): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url, { maxPayload: maxBytes, perMessageDeflate: false, handshakeTimeout: timeoutMs, ...(url.startsWith("wss:") ? secureOptions() : {}) });
    ws.once("error", reject);
    ws.once("open", () => {
      ws.removeListener("error", reject);
      resolve(new WsSocket(ws, attach));
    });
  });
}

/** There are as many as there are clients: its methods are shared, and its listeners hold nothing but it. */
class WsSocket implements Socket {
  readonly deflates: boolean;
  readonly #ws: ws.WebSocket;
  readonly #stream: Duplex;
  readonly #events: SocketEvents;

  constructor(ws: ws.WebSocket, attach: Attach) {
    this.deflates = ws.extensions.includes("permessage-deflate");
    this.#ws = ws;
    // `_socket` is how ws documents access to the stream for pre-built frames (Sender.frame); there is no public name for it.
    this.#stream = (ws as unknown as { _socket: Duplex })._socket;
    this.#events = attach(this);
    ws.on("message", (data: Buffer, isBinary: boolean) => this.#message(data, isBinary));
    const alive = (): void => this.#events.alive?.();
    ws.on("ping", alive);
    ws.on("pong", alive);
    ws.on("error", ignore);
    ws.on("close", (code, reason) => this.#events.closed(code, reason.toString("utf8")));
  }

  send(data: string | Uint8Array): number {
    if (this.#isOpen) this.#ws.send(data);
    return this.#ws.bufferedAmount;
  }

  writeFrame(frame: Uint8Array, written?: () => void): number {
    const stream = this.#stream;
    if (this.#isOpen) {
      if (written === undefined) stream.write(frame);
      else stream.write(frame, (error) => (error ? undefined : written()));
    }
    return stream.writableLength;
  }

  ping(): void {
    if (this.#isOpen) this.#ws.ping();
  }

  get queuedBytes(): number {
    return this.#ws.bufferedAmount;
  }

  close(code: number, reason: string): void {
    this.#ws.close(code, reason);
  }

  destroy(): void {
    this.#ws.terminate();
  }

  get #isOpen(): boolean {
    return this.#ws.readyState === WebSocket.OPEN;
  }

  #message(data: Buffer, isBinary: boolean): void {
    if (isBinary) this.#events.binary(data);
    else this.#events.text(data.toString("utf8"));
  }
}

/** 'close' follows and tells. */
function ignore(): void {}

/** One unmasked, unfragmented text frame (a server's), built once for many sockets. */
export function textFrame(payload: Uint8Array): Buffer {
  return frame(payload, false);
}

/** The same, compressed, for sockets with `deflates`. */
export function deflatedFrame(payload: Uint8Array): Buffer {
  // A flushed block ends with four bytes that the receiver adds by itself (RFC 7692, 7.2.1).
  return frame(deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH, windowBits }).subarray(0, -4), true);
}

function frame(payload: Uint8Array, rsv1: boolean): Buffer {
  return Buffer.concat(Sender.frame(payload, { fin: true, rsv1, opcode: 1, mask: false, readOnly: true }));
}
