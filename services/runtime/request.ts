/** A JSON request to another door (mesh, registry, charm), on kept-alive connections. */
import { Agent, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { keepAlive, secureAgent } from "./tls.ts";

const plain = { agent: new Agent(keepAlive), request: httpRequest };

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Buffer;
  /** the body as JSON; undefined where it is not JSON */
  readonly json: unknown;
}

export interface Ask {
  readonly method?: "GET" | "PUT" | "POST" | "DELETE";
  /** a Uint8Array is sent as it is, anything else as JSON */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** milliseconds until the whole answer must be there; default 5,000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** @throws Error with `code` (ECONNREFUSED, ECONNRESET, ETIMEDOUT, ABORT_ERR) when there is no answer; a status is never an error */
export function ask(url: string, options: Ask = {}): Promise<Answer> {
  const body = options.body === undefined ? undefined : options.body instanceof Uint8Array ? options.body : Buffer.from(JSON.stringify(options.body));
  return new Promise((resolve, reject) => {
    // Content-Length always: Consul silently ignores a chunked body on session create.
    const length: Record<string, string | number> = body === undefined ? {} : { "content-type": "application/json", "content-length": body.length };
    const { agent, request } = url.startsWith("https:") ? { agent: secureAgent(), request: httpsRequest } : plain;
    const req = request(url, { agent, method: options.method ?? "GET", headers: { ...length, ...options.headers }, ...(options.signal ? { signal: options.signal } : {}) }, (res) => {
      const chunks: Buffer[] = [];
      res.on("data", (chunk: Buffer) => chunks.push(chunk));
      res.on("error", fail);
      res.on("end", () => {
        clearTimeout(timer);
        const bytes = Buffer.concat(chunks);
        resolve({ status: res.statusCode ?? 0, headers: res.headers, bytes, get json() { return tryJson(bytes); } });
      });
    });
    const fail = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    const timer = setTimeout(() => req.destroy(Object.assign(new Error(`no answer from ${url} in time`), { code: "ETIMEDOUT" })), options.timeoutMs ?? 5_000);
    req.on("error", fail);
    req.end(body);
  });
}

function tryJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}
