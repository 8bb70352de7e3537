import type { ServerView, Snapshot } from "../snapshot.ts";
import type { Opening } from "./change.tsx";
import { percent } from "./shares.ts";
import { Table } from "./table.tsx";

const columns = ["server", "pool", "zone", "state", "epoch", "weight", "share", "connections", "channels", "messages/s", "queue", "loop lag p99", "memory", "change"];

export function Servers({ last, onChange }: { readonly last: Snapshot; readonly onChange: (opening: Opening) => void }) {
  return (
    <section aria-labelledby="servers">
      <h2 id="servers">Servers</h2>
      <Table label="Servers of the ring" columns={columns}>
        {last.servers.map((server) => <Row key={`${server.pool} ${server.id}`} server={server} epoch={last.epoch} onChange={onChange} />)}
      </Table>
    </section>
  );
}

function Row({ server, epoch, onChange }: { readonly server: ServerView; readonly epoch: number | null; readonly onChange: (opening: Opening) => void }) {
  const { id, pool, zone, state, weight, slots, figures, stale } = server;
  const silent = figures === null;
  return (
    <tr>
      <th scope="row">{id}</th>
      <td>{pool}</td>
      <td>{zone}</td>
      <td><span class={`state ${stale ? "down" : state}`}>{stale && state !== "down" ? `${state}, does not answer` : state}</span></td>
      <td class={!silent && figures.epoch !== epoch ? "behind" : ""}>{silent ? "–" : figures.epoch}</td>
      <td>{weight}</td>
      <td>{percent(slots)}</td>
      <td>{silent ? "–" : figures.connections}</td>
      <td>{silent || pool === "presence" ? "–" : figures.channels}</td>
      <td>{silent || pool === "presence" ? "–" : figures.messages_per_second}</td>
      <td>{silent || pool === "presence" ? "–" : bytes(figures.queue_bytes)}</td>
      <td>{silent ? "–" : `${figures.lag_ms} ms`}</td>
      <td>{silent ? "–" : `${figures.memory_mib} MiB`}</td>
      <td><button type="button" aria-label={`Change ${id}`} onClick={() => onChange({ server: id, wish: state === "draining" ? "undrain" : "drain" })}>Change …</button></td>
    </tr>
  );
}

function bytes(count: number): string {
  if (count < 1_024) return `${count} B`;
  return count < 1_048_576 ? `${(count / 1_024).toFixed(1)} KiB` : `${(count / 1_048_576).toFixed(1)} MiB`;
}
