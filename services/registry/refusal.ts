import type { Clock } from "../runtime/clock.ts";
import { RegistryError } from "./client.ts";

/**
 * For how long a start shows a token that is refused, in ms. A Consul agent that does not reach its servers refuses every token it does not know by heart, and so does one that a
 * new token has not come to yet.
 */
export const REFUSAL_STANDS_AFTER_MS = 30_000;

/** @returns asked with each failure of a start, tells whether it ends the start: what answers is no registry, or it has said nothing but no to the token for REFUSAL_STANDS_AFTER_MS */
export function startEnds(clock: Clock): (error: unknown) => boolean {
  let refusedSince: number | undefined;
  return (error) => {
    if (!(error instanceof RegistryError && error.isFinal)) {
      refusedSince = undefined;
      return false;
    }
    if (error.status === undefined) return true;
    refusedSince ??= clock.now();
    return clock.now() - refusedSince >= REFUSAL_STANDS_AFTER_MS;
  };
}
