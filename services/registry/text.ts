/** Answers in Consul's style: refusals are plain text, not problem bodies. */
import type { Handler, Reply } from "../runtime/http.ts";

/** A refusal in Consul's words; thrown within a route. */
export class Refusal extends Error {
  readonly status: number;
  constructor(status: number, text: string) {
    super(text);
    this.name = "Refusal";
    this.status = status;
  }
}

export function refuse(status: number, text: string): Refusal {
  return new Refusal(status, text);
}

export function text(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers }, body };
}

/** Wraps a handler so that what it refuses becomes Consul's plain text. */
export function consul(handler: Handler): Handler {
  return async (request) => {
    try {
      return await handler(request);
    } catch (error) {
      if (error instanceof Refusal) return text(error.status, error.message);
      throw error;
    }
  };
}

export function indexHeaders(index: number): Record<string, string> {
  return { "x-consul-index": String(index), "x-consul-knownleader": "true", "x-consul-lastcontact": "0" };
}

/** The body as a JSON object. @throws Refusal */
export function objectOf(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = bytes.length === 0 ? {} : JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (error) {
    throw refuse(400, `Request decode failed: ${(error as Error).message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refuse(400, "Request decode failed: expected an object");
  return value as Record<string, unknown>;
}

/** A string field; `""` where it is absent. @throws Refusal */
export function stringOf(object: Readonly<Record<string, unknown>>, field: string): string {
  const value = object[field] ?? "";
  if (typeof value !== "string") throw refuse(400, `Request decode failed: ${field} must be a string`);
  return value;
}
