import { useRef } from "preact/hooks";
import type { Watched } from "./watched.ts";

/** What goes on in the ring, whoever began it: a rebalance, gateways that empty, what is held. */
export function UnderWay({ watched: { last } }: { readonly watched: Watched }) {
  const rebalance = last.charm?.rebalance ?? null;
  const most = useRef(0);
  most.current = rebalance === null ? 0 : Math.max(most.current, rebalance.left_percent);
  const emptying = last.servers.filter(({ pool, state, figures, stale }) => pool === "gateway" && state === "draining" && (stale || figures === null || figures.connections > 0));
  const held = Object.entries(last.charm?.held ?? {});
  return (
    <section aria-label="Under way" class="under-way" role="status">
      {rebalance !== null && (
        <p>
          <label>
            Rebalance: {rebalance.left_percent} % of the slots are still to move{rebalance.waiting_for.length > 0 && `, waiting for ${rebalance.waiting_for.join(", ")}`}{" "}
            <progress max={Math.max(most.current, 0.1)} value={most.current - rebalance.left_percent} />
          </label>
        </p>
      )}
      {emptying.map(({ id, figures, stale }) => <p key={id}>{id} drains: {stale || figures === null ? "it does not answer, so nobody knows how many sessions it has" : `${figures.connections} sessions have yet to leave`}</p>)}
      {held.map(([pool, ids]) => <p key={pool} class="problem">Held in {pool} by the churn guard: {ids.join(", ")}. If they are gone for good: POST /v1/charm/release.</p>)}
    </section>
  );
}
