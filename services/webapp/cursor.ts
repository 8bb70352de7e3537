/** Cursors of paged methods: opaque to clients, base64 of `name:value` inside, as in the publicly documented API. */
import { ApiError } from "./errors.ts";

/** Items on a page; 0 = as many as usual. */
export const limitArgument = { kind: "int", min: 0, max: 1_000, default: 0, error: "invalid_limit" } as const;
export const usualPage = 100;
export const cursorArgument = { kind: "text", maxChars: 512, error: "invalid_cursor" } as const;

/** @returns "" for "there is no further page" */
export function writeCursor(name: string, value: string | undefined): string {
  return value === undefined ? "" : Buffer.from(`${name}:${value}`).toString("base64");
}

/**
 * The value of a cursor made by `writeCursor(name, …)`; `""` where there is no cursor.
 * @throws ApiError invalid_cursor
 */
export function readCursor(name: string, cursor: string | undefined, valid: RegExp): string {
  if (cursor === undefined) return "";
  const text = Buffer.from(cursor, "base64").toString("utf8");
  const value = text.slice(name.length + 1);
  if (!text.startsWith(`${name}:`) || !valid.test(value)) throw new ApiError("invalid_cursor");
  return value;
}

/** The tail of every paged answer. */
export function nextPage(cursor: string): { readonly response_metadata: { readonly next_cursor: string } } {
  return { response_metadata: { next_cursor: cursor } };
}
