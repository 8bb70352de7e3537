/** A plain client of the plane: the Web API by fetch, RTM by `ws`, with everything that came in kept in its order. */
import { WebSocket } from "ws";

/** A JSON object from the plane: any field may be absent. */
export interface Frame {
  readonly type?: string;
  readonly channel?: string;
  readonly user?: string;
  readonly text?: string;
  readonly ts?: string;
  readonly ok?: boolean;
  readonly reply_to?: number;
  readonly error?: { readonly code: number; readonly msg: string };
  readonly x_off?: number;
  readonly x_chan?: string;
  readonly client_msg_id?: string;
  readonly [field: string]: unknown;
}

export interface ApiResult {
  readonly ok: boolean;
  readonly error?: string;
  // What a method answers is documented, not typed here: tests read what they need.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly [field: string]: any;
}

type Args = Readonly<Record<string, string | number | boolean | undefined>>;

/** Calls a Web API method with form arguments. @throws Error where the answer is not JSON */
export async function api(url: string, token: string | undefined, method: string, args: Args = {}): Promise<ApiResult> {
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(args)) if (value !== undefined) body.set(name, String(value));
  const response = await fetch(`${url}/api/${method}`, { method: "POST", headers: token === undefined ? {} : { authorization: `Bearer ${token}` }, body });
  const text = await response.text();
  try {
    return JSON.parse(text) as ApiResult;
  } catch {
    throw new Error(`${method}: ${response.status} ${text.slice(0, 300)}`);
  }
}

/** `api` that must succeed. */
export async function call(url: string, token: string, method: string, args: Args = {}): Promise<ApiResult> {
  const result = await api(url, token, method, args);
  if (!result.ok) throw new Error(`${method} ${JSON.stringify(args)}: ${result.error ?? JSON.stringify(result)}`);
  return result;
}

export interface RtmOptions {
  /** resume: channel → last offset seen */
  readonly offsets?: Readonly<Record<string, number>>;
  readonly batchPresence?: boolean;
  /** says that it waits as `goodbye` tells it */
  readonly paced?: boolean;
  /** wants to know how events travelled */
  readonly journeys?: boolean;
}

/** Gets a ticket and connects; resolves at `hello`. */
export async function connectRtm(url: string, token: string, options: RtmOptions = {}): Promise<Rtm> {
  const connect = await call(url, token, "rtm.connect", {
    ...(options.offsets === undefined ? {} : { x_offsets: JSON.stringify(options.offsets) }),
    ...(options.batchPresence === true ? { batch_presence_aware: 1 } : {}),
    ...(options.paced === true ? { x_resume: 1 } : {}),
    ...(options.journeys === true ? { x_journeys: 1 } : {}),
  });
  const rtm = new Rtm(connect["url"] as string, (connect["self"] as { id: string }).id);
  await rtm.waitFor("hello", (frame) => frame.type === "hello");
  return rtm;
}

export class Rtm {
  /** every frame, in order of arrival */
  readonly frames: Frame[] = [];
  readonly user: string;
  readonly socket: WebSocket;
  /** resolves when the socket is closed */
  readonly closed: Promise<{ code: number; reason: string }>;
  isClosed = false;
  readonly #waiting = new Set<() => void>();
  #nextId = 1;

  constructor(url: string, user = "") {
    this.user = user;
    this.socket = new WebSocket(url, { perMessageDeflate: false });
    this.socket.on("message", (data: Buffer) => {
      this.frames.push(JSON.parse(data.toString("utf8")) as Frame);
      for (const look of this.#waiting) look();
    });
    this.socket.on("error", () => {
      // 'close' follows; a refused upgrade closes with 1006.
    });
    this.closed = new Promise((resolve) => {
      this.socket.on("close", (code, reason) => {
        this.isClosed = true;
        resolve({ code, reason: reason.toString("utf8") });
        for (const look of this.#waiting) look();
      });
    });
  }

  /** Sends a frame with an `id` of its own. @returns the id */
  send(frame: Readonly<Record<string, unknown>>): number {
    const id = this.#nextId++;
    this.socket.send(JSON.stringify({ id, ...frame }));
    return id;
  }

  /** Sends a frame and waits for its reply, be it an ack or an error. */
  ask(frame: Readonly<Record<string, unknown>>, timeoutMs?: number): Promise<Frame> {
    const id = this.send(frame);
    return this.waitFor(`the reply to ${JSON.stringify(frame)}`, (reply) => reply.reply_to === id, timeoutMs);
  }

  /** The first frame, past or future, of which `holds` is true. */
  waitFor(what: string, holds: (frame: Frame) => boolean, timeoutMs = 15_000): Promise<Frame> {
    let seen = 0;
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#waiting.delete(look);
        clearTimeout(timer);
      };
      const look = (): void => {
        while (seen < this.frames.length) {
          const frame = this.frames[seen++]!;
          if (!holds(frame)) continue;
          end();
          resolve(frame);
          return;
        }
        if (!this.isClosed) return;
        end();
        reject(new Error(`the socket closed while waiting for ${what}; last frames: ${JSON.stringify(this.frames.slice(-3))}`));
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`${this.user} waited ${timeoutMs} ms in vain for ${what}; last frames: ${JSON.stringify(this.frames.slice(-3))}`));
      }, timeoutMs);
      this.#waiting.add(look);
      look();
    });
  }

  /** Messages (of a channel), in order of arrival. */
  messages(channel?: string): Frame[] {
    return this.frames.filter((frame) => frame.type === "message" && (channel === undefined || frame.channel === channel));
  }

  /** Channel → highest offset seen: what a client resumes with. */
  offsets(): Record<string, number> {
    const found: Record<string, number> = {};
    for (const frame of this.frames) {
      const channel = frame.x_chan ?? frame.channel;
      if (channel === undefined || frame.x_off === undefined) continue;
      found[channel] = Math.max(found[channel] ?? 0, frame.x_off);
    }
    return found;
  }

  /** Closes it and waits until it is closed. */
  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}
