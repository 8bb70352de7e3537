import { pools, type Pool } from "../protocol/topology.ts";
import { counter, gauge, Metrics, type Sources } from "../runtime/metrics.ts";

export const table = {
  leading: gauge("1: it writes the topology; 0: another charm does, or none"),
  epoch: gauge("epoch of the topology; 0: none yet"),
  rebalance_left_ratio: gauge("share of the channel pool's slots that a rebalance has still to move"),
  servers: gauge("servers of all pools by their state in the topology: up, draining, down", "state"),
  held: gauge("servers that the churn guard keeps in the ring, by pool", "pool"),
  published_total: counter("topologies that it published"),
  unpublished_total: counter("topologies that could not be written"),
  endpoint_changes_total: counter("changes of the endpoints that Envoy was told of"),
  held_changes_total: counter("times that the churn guard began or ceased to hold servers"),
} as const;

/** What it is read off. */
export interface CharmFigures {
  leading(): boolean;
  epoch(): number;
  rebalanceLeft(): number;
  servers(): Readonly<Record<"up" | "draining" | "down", number>>;
  held(pool: Pool): number;
  readonly counters: { readonly published: number; readonly unpublished: number; readonly endpoints: number; readonly heldChanges: number };
}

export function charmMetrics(figures: CharmFigures): Metrics<typeof table> {
  const { counters } = figures;
  const sources: Sources<typeof table> = {
    leading: () => Number(figures.leading()),
    epoch: () => figures.epoch(),
    rebalance_left_ratio: () => figures.rebalanceLeft(),
    servers: () => figures.servers(),
    held: () => Object.fromEntries(pools.map((pool) => [pool, figures.held(pool)])),
    published_total: () => counters.published,
    unpublished_total: () => counters.unpublished,
    endpoint_changes_total: () => counters.endpoints,
    held_changes_total: () => counters.heldChanges,
  };
  return new Metrics("charm", table, sources);
}
