import type { Preview } from "../../protocol/operator.ts";
import type { Pool } from "../../protocol/topology.ts";
import type { Snapshot } from "../snapshot.ts";
import { Donut } from "./donut.tsx";
import { inPool, percent, pools } from "./shares.ts";

/** What a change would move: a picture of each pool that it touches, and every pair of servers. */
export function Moves({ preview, last }: { readonly preview: Preview; readonly last: Snapshot }) {
  const touched = pools.filter((pool) => preview.moved[pool] > 0);
  if (touched.length === 0) return <p>No slot moves.</p>;
  return (
    <>
      {touched.map((pool) => (
        <div key={pool} class="moves">
          <Donut pool={pool} servers={inPool(last, pool)} after={sharesAfter(preview, last, pool)} />
          <table>
            <caption>{preview.moved[pool]} slots of {pool} move ({percent(preview.moved[pool])})</caption>
            <thead><tr><th scope="col">from</th><th scope="col">to</th><th scope="col">slots</th></tr></thead>
            <tbody>
              {preview.moves.filter((move) => move.pool === pool).map(({ from, to, slots }) => (
                <tr key={`${from} ${to}`}><td>{from ?? "nobody"}</td><td>{to ?? "nobody"}</td><td>{slots}</td></tr>
              ))}
            </tbody>
          </table>
        </div>
      ))}
    </>
  );
}

function sharesAfter({ moves }: Preview, last: Snapshot, pool: Pool): ReadonlyMap<string, number> {
  const after = new Map(inPool(last, pool).map(({ id, slots }) => [id, slots]));
  for (const { pool: its, from, to, slots } of moves) {
    if (its !== pool) continue;
    if (from !== null) after.set(from, (after.get(from) ?? 0) - slots);
    if (to !== null) after.set(to, (after.get(to) ?? 0) + slots);
  }
  return after;
}
