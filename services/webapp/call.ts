/** One call of the Web API as it came in: the arguments from query and body, and the token. Pure. */
import { nestedTooDeep } from "../protocol/nesting.ts";
import { ApiError } from "./errors.ts";

export interface Incoming {
  /** the part of the URL after `?` */
  readonly query: string;
  readonly contentType: string | undefined;
  readonly authorization: string | undefined;
  readonly body: Uint8Array;
}

export interface Call {
  readonly token: string | undefined;
  readonly args: Readonly<Record<string, unknown>>;
}

/**
 * Merges query and body; the body wins. The token of the `Authorization: Bearer` header wins over a `token` argument.
 * @throws ApiError for a body that is not what its Content-Type says
 */
export function readCall(incoming: Incoming): Call {
  const { token, ...args } = { ...fromForm(incoming.query), ...fromBody(incoming) };
  const bearer = /^Bearer +(\S+) *$/i.exec(incoming.authorization ?? "")?.[1];
  return { token: bearer ?? (typeof token === "string" && token !== "" ? token : undefined), args };
}

function fromForm(text: string): Record<string, unknown> {
  return Object.fromEntries(new URLSearchParams(text));
}

function fromBody({ body, contentType }: Incoming): Record<string, unknown> {
  if (body.length === 0) return {};
  const type = contentType?.split(";")[0]!.trim().toLowerCase();
  if (type === undefined || type === "") throw new ApiError("missing_post_type");
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString("utf8");
  if (type === "application/x-www-form-urlencoded") return fromForm(text);
  if (type !== "application/json") throw new ApiError("invalid_post_type");
  if (nestedTooDeep(text)) throw new ApiError("invalid_json");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ApiError("invalid_json");
  }
  if (typeof value !== "object" || value === null || value instanceof Array) throw new ApiError("json_not_object");
  return value as Record<string, unknown>;
}
