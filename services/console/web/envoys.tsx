import type { EnvoyView, Snapshot } from "../snapshot.ts";
import { Table } from "./table.tsx";

export function Envoys({ last: { envoys, epoch } }: { readonly last: Snapshot }) {
  return (
    <section aria-labelledby="envoys">
      <h2 id="envoys">Envoys</h2>
      {envoys.length === 0 ? (
        <p>None is watched: --envoy-admin-urls names those that shall be.</p>
      ) : (
        <Table label="Envoys" columns={["admin port", "epoch", "ring age", "421/s"]}>
          {envoys.map((envoy) => (
            <tr key={envoy.url}>
              <th scope="row">{envoy.url}</th>
              <td class={envoy.epoch === epoch ? "" : "behind"}>{said(envoy)}</td>
              <td>{envoy.ring_age_ms === null ? "–" : `${(envoy.ring_age_ms / 1_000).toFixed(1)} s`}</td>
              <td>{envoy.misdirected_per_second ?? "–"}</td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}

function said({ epoch, misdirected, stale }: EnvoyView): string {
  if (misdirected === null) return "does not answer";
  return `${epoch ?? "no ring yet"}${stale ? ", does not answer" : ""}`;
}
