/** What the console's API answers, as its page reads it. */
import type { EnvoyFigures, Look, Row } from "../observe/figures.ts";
import type { Decision, Rebalance } from "../protocol/operator.ts";
import type { Pool, Server } from "../protocol/topology.ts";

/** A server as the topology has it, what it owns, and its own figures: null where it has not answered for 10 s. */
export interface ServerView extends Server {
  readonly pool: Pool;
  /** slots that it owns, of 65,536 */
  readonly slots: number;
  readonly figures: Row | null;
  /** it did not answer this time: its figures, if any, are its last */
  readonly stale: boolean;
}

export interface EnvoyView extends EnvoyFigures {
  /** 421s by its own count; null before there were two looks */
  readonly misdirected_per_second: number | null;
  /** it did not answer this time: what is said of it is the last that was seen */
  readonly stale: boolean;
}

/** One look at the plane. */
export interface Snapshot {
  /** milliseconds since 1970 */
  readonly at: number;
  /** null: no topology is known */
  readonly epoch: number | null;
  /** null: charm does not answer, and the ring is the last one that was seen */
  readonly charm: {
    readonly leading: boolean;
    readonly rebalance: Rebalance | null;
    /** servers that the churn guard keeps, by pool */
    readonly held: Readonly<Record<string, readonly string[]>>;
    readonly pins: Readonly<Record<Pool, readonly (readonly [slot: number, server: string])[]>>;
  } | null;
  readonly servers: readonly ServerView[];
  readonly figures: Omit<Look, "servers" | "missing">;
  readonly envoys: readonly EnvoyView[];
  /** oldest first; in a stream only those that its watcher was not told of */
  readonly decisions: readonly Decision[];
}

/** Who serves an ID of a pool by the ring, first choice first. */
interface Placed {
  readonly owner: string | null;
  readonly preference: readonly string[];
  readonly pinned: boolean;
}

/** What one gateway says; null where it does not answer. */
export interface GatewayCount {
  readonly gateway: string;
  readonly count: number | null;
  /** the offset up to which its readers were served */
  readonly last: number | null;
}

export interface ChannelFound extends Placed {
  readonly kind: "channel";
  readonly id: string;
  readonly slot: number;
  readonly epoch: number;
  /** the server that answered for it; null with why nobody did */
  readonly served: { readonly by: string; readonly last_offset: number; readonly last_ts: string; readonly fence: number } | null;
  readonly problem: string | null;
  readonly subscribers: readonly GatewayCount[];
}

export interface UserFound {
  readonly kind: "user";
  readonly id: string;
  readonly slot: number;
  readonly epoch: number;
  readonly gateway: Placed;
  readonly presence: Placed;
  readonly says: { readonly presence: "active" | "away"; readonly online: boolean; readonly manual_away: boolean } | null;
  readonly problem: string | null;
  readonly sessions: readonly GatewayCount[];
}
