import type { Snapshot } from "../snapshot.ts";
import { Donut } from "./donut.tsx";
import { byZone, colours, inPool, percent, pools } from "./shares.ts";

/** Who has how much of each pool: as a picture, and as a table beside it. */
export function Ring({ last }: { readonly last: Snapshot }) {
  return (
    <section aria-labelledby="ring">
      <h2 id="ring">Ring</h2>
      <div class="pools">
        {pools.map((pool) => {
          const servers = inPool(last, pool);
          return (
            <figure key={pool} class="share">
              <Donut pool={pool} servers={servers} />
              <table>
                <caption>{pool}: share of the slots</caption>
                <tbody>
                  {servers.map(({ id, slots }, i) => (
                    <tr key={id}>
                      <th scope="row"><span class={`dot c${i % colours}`} aria-hidden="true" />{id}</th>
                      <td>{percent(slots)}</td>
                    </tr>
                  ))}
                  {[...byZone(servers)].map(([zone, slots], i) => (
                    <tr key={`zone ${zone}`} class="zone">
                      <th scope="row"><span class={`dot z${i % 3}`} aria-hidden="true" />zone {zone === "" ? "(none)" : zone}</th>
                      <td>{percent(slots)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </figure>
          );
        })}
      </div>
      <Pins last={last} />
    </section>
  );
}

function Pins({ last: { charm } }: { readonly last: Snapshot }) {
  const pins = pools.flatMap((pool) => (charm?.pins[pool] ?? []).map(([slot, server]) => `slot ${slot} of ${pool} → ${server}`));
  return pins.length === 0 ? null : <p>Pinned: {pins.join("; ")}</p>;
}
