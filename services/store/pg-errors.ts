/** What PostgreSQL's errors, and those of a connection to it, mean for a store. */
import { StoreRefused, StoreUnavailable } from "./log.ts";

/** A server that answers, and can't be used as a store now; the message goes on after its name. */
export class Unfit extends Error {
  override name = "Unfit";
}

/** The server chose the transaction to give way to another one, and undid it. */
export function gaveWay(error: unknown): boolean {
  return ["40P01", "40001"].includes(codeOf(error) ?? "");
}

/** No connection to this server is of use any more: it ended, starts, or takes no writes. */
export function isGone(error: unknown): boolean {
  const code = codeOf(error);
  if (code === undefined || !sqlState.test(code)) return !isSilence(error);
  return code.startsWith("08") || ["57P01", "57P02", "57P03", "25006"].includes(code);
}

/** No answer in time: it may be gone, or wait for its standby. */
export function isSilence(error: unknown): boolean {
  return error instanceof Error && error.message === "Query read timeout";
}

/** @param place what the server is called, without a password */
export function explain(error: unknown, place: string, user: string): StoreUnavailable {
  if (error instanceof StoreUnavailable) return error;
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof Unfit) return new StoreUnavailable(`${place} ${message}`, error);
  if (/^SASL:.*password must be/.test(message)) return new StoreRefused(`${place} asks the user ${user} for a password, and none was given`);
  if (code === "28P01" || code === "28000" || message.startsWith("SASL:")) return new StoreRefused(`${place} refuses the user ${user}: ${message}`);
  if (code !== undefined && refusals.has(code)) return new StoreRefused(`${place}: ${message}`);
  if (code !== undefined && sqlState.test(code)) return new StoreUnavailable(`${place}: ${message}`, error);
  // Where several addresses were tried, the code is all there is.
  return new StoreUnavailable(`${place} does not answer: ${message === "" ? code : message}`, error);
}

/** The code of an error of the server itself; system errors are words (ECONNREFUSED, EPIPE). */
const sqlState = /^(?:\d\d|F0|HV|P0|XX)[0-9A-Z]{3}$/;
/** No such database, no such schema, no privilege: trying again doesn't help. */
const refusals: ReadonlySet<string> = new Set(["3D000", "3F000", "42501"]);

function codeOf(error: unknown): string | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : undefined;
}
