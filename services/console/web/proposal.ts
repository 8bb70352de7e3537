/** What stands between a wish and its confirmation. */
import type { Preview } from "../../protocol/operator.ts";
import type { Wish } from "./wish.ts";

/** A wish, and what it would move: what is confirmed is this, whatever the fields say by then. */
export interface Proposal {
  readonly wish: Wish;
  readonly preview: Preview;
  /** the epoch that an earlier preview of the same wish was of */
  readonly instead?: number;
  /** a rebalance was under way when it was asked anew */
  readonly wasMoving?: boolean;
}

/**
 * The proposal to ask about anew where the ring is another one than the operator was shown; undefined = it still holds.
 * @param now what the wish would move now
 * @param isMoving whether a rebalance is under way: each of its steps is an epoch, so one more look is all that can be asked for
 */
export function askedAgain({ wish, preview, instead, wasMoving = false }: Proposal, now: Preview, isMoving: boolean): Proposal | undefined {
  if (now.epoch === preview.epoch || (instead !== undefined && (isMoving || wasMoving))) return undefined;
  return { wish, preview: now, instead: preview.epoch, wasMoving: isMoving };
}
