/** What an operator may wish for, and how the API is told. */
import type { Pool } from "../../protocol/topology.ts";

export const wishes = ["drain", "undrain", "weight", "pin", "unpin"] as const;
export type WishName = (typeof wishes)[number];

export interface Wish {
  readonly wish: WishName;
  readonly server: string;
  readonly weight: string;
  readonly pool: Pool;
  readonly id: string;
}

/** What is missing, in words; undefined = nothing. What is there the server judges. */
export function missing({ wish, server, weight, id }: Wish): string | undefined {
  if (server === "" && wish !== "unpin") return "Which server? Give its ID.";
  if (wish === "weight" && weight === "") return "Which weight? Give a whole number from 0 to 65535.";
  if ((wish === "pin" || wish === "unpin") && id === "") return "Whose slot? Give the ID of a channel or a user.";
  return undefined;
}

function intent({ wish, weight }: Wish): object {
  // What is no number goes as it is, and comes back with the server's own reason.
  return wish === "weight" ? { weight: /^\d+$/.test(weight) ? Number(weight) : weight } : { drain: wish === "drain" };
}

function pin({ wish, pool, id, server }: Wish): object {
  return { pool, id, server: wish === "unpin" ? null : server };
}

const isPin = ({ wish }: Wish): boolean => wish === "pin" || wish === "unpin";

export function previewBody(wish: Wish): object {
  return isPin(wish) ? { pin: pin(wish) } : { servers: { [wish.server]: intent(wish) } };
}

export function request(wish: Wish): { readonly path: string; readonly body: object } {
  return isPin(wish) ? { path: "pins", body: pin(wish) } : { path: `servers/${encodeURIComponent(wish.server)}`, body: intent(wish) };
}

export function inWords({ wish, server, weight, pool, id }: Wish): string {
  if (wish === "weight") return `weight of ${server}: ${weight}`;
  if (wish === "pin") return `the slot of ${id} pinned to ${server} (${pool})`;
  if (wish === "unpin") return `the slot of ${id} let go (${pool})`;
  return wish === "drain" ? `drain of ${server}` : `end of the drain of ${server}`;
}
