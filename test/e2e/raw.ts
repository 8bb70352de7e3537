/** Requests that a well-behaved client library would not make. */
import { request } from "node:http";

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface RawRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** The answer, also when it comes before the whole body was taken. Rejects where the connection ends without one. */
export function rawRequest(url: string, { method = "GET", headers = {}, body }: RawRequest = {}): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    // The path goes out as it is: a URL object would tidy it.
    const [, host, port, path] = /^http:\/\/([^:/]+):(\d+)(.*)$/.exec(url)!;
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const req = request({ host: host!, port: Number(port), path: path === "" ? "/" : path!, method, headers: { ...length, ...headers }, agent: false }, (res) => {
      const chunks: Buffer[] = [];
      res.on("data", (chunk: Buffer) => chunks.push(chunk));
      res.on("end", () => resolve({ status: res.statusCode ?? 0, headers: res.headers, text: Buffer.concat(chunks).toString("utf8") }));
      res.on("error", reject);
    });
    req.on("error", reject);
    req.end(body);
  });
}

/** Tries to upgrade. @returns the refusal, or 101 */
export function rawUpgrade(url: string): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const [, host, port, path] = /^http:\/\/([^:/]+):(\d+)(.*)$/.exec(url)!;
    const headers = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" };
    const req = request({ host: host!, port: Number(port), path: path!, headers, agent: false }, (res) => {
      const chunks: Buffer[] = [];
      res.on("data", (chunk: Buffer) => chunks.push(chunk));
      res.on("end", () => resolve({ status: res.statusCode ?? 0, headers: res.headers, text: Buffer.concat(chunks).toString("utf8") }));
    });
    req.on("upgrade", (res, socket) => {
      socket.destroy();
      resolve({ status: 101, headers: res.headers, text: "" });
    });
    req.on("error", reject);
    req.end();
  });
}
