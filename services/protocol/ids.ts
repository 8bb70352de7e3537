import { limits } from "./limits.ts";

const shape = /^[A-Za-z0-9_-]+$/;

/** Whether `id` can be hashed to a slot: 1..64 characters of `[A-Za-z0-9_-]`. The filter applies the same rule. */
export function isId(id: string): boolean {
  return id.length > 0 && id.length <= limits.idBytes && shape.test(id);
}

/** A user's own event stream is a channel whose ID is the user's ID; these start with `U` or `W`, channels with `C`, `D` or `G`. */
export function isUserChannel(id: string): boolean {
  return id.startsWith("U") || id.startsWith("W");
}

/**
 * The user that a ticket names. A ticket is `<userId>.<secret>`; the filter hashes the part before the first dot
 * to a gateway, webapp alone checks the whole.
 * @returns undefined when the ticket has not that shape
 */
export function userOfTicket(ticket: string): string | undefined {
  const dot = ticket.indexOf(".");
  if (dot < 1 || dot === ticket.length - 1 || ticket.length > 256) return undefined;
  const user = ticket.slice(0, dot);
  return isId(user) ? user : undefined;
}
