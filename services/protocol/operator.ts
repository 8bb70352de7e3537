/** What charm's operator door says: shapes that it, the console and the CLI agree on. */
import type { Pool } from "./topology.ts";

export type DecisionKind = "lead" | "operator" | "member" | "step" | "published" | "held" | "registry";

/** One thing that charm decided, with its reason. */
export interface Decision {
  /** rises with each, over restarts of charm, too */
  readonly n: number;
  /** milliseconds since 1970 */
  readonly at: number;
  /** of the topology that it is about */
  readonly epoch: number;
  readonly kind: DecisionKind;
  readonly text: string;
  readonly pool?: Pool;
  readonly servers?: readonly string[];
}

/** What a change would move. */
export interface Preview {
  readonly epoch: number;
  /** slots of 65,536 that would have another owner */
  readonly moved: Readonly<Record<Pool, number>>;
  /** from whom to whom, those with the most slots first, at most `limits.previewMoves`; null = nobody owns them */
  readonly moves: readonly { readonly pool: Pool; readonly from: string | null; readonly to: string | null; readonly slots: number }[];
}

/** A rebalance that is under way: what is still to move, and which servers the next step waits for. */
export interface Rebalance {
  readonly left_percent: number;
  readonly waiting_for: readonly string[];
}
