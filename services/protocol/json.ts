import { limits } from "./limits.ts";
import { nestedTooDeep } from "./nesting.ts";
import { ProtocolError } from "./problems.ts";

/**
 * JSON of strangers, in UTF-8.
 * @throws ProtocolError bad_json
 */
export function parseJson(bytes: Uint8Array): unknown {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
  if (nestedTooDeep(text)) throw new ProtocolError("bad_json", `nested deeper than ${limits.jsonDepth} levels`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ProtocolError("bad_json", (error as Error).message);
  }
}

/** @param name of the value, for people @throws ProtocolError bad_request */
export function asObject(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new ProtocolError("bad_request", `${name} must be an object`);
  return value as Record<string, unknown>;
}
