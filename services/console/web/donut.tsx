import type { ServerView } from "../snapshot.ts";
import { byZone, colours, percent, slots } from "./shares.ts";

interface Arc {
  readonly name: string;
  readonly slots: number;
  readonly colour: string;
}

/** Shares of a pool: its zones outside, its servers within, and inside of them what they would own after a change. */
export function Donut({ pool, servers, after }: { readonly pool: string; readonly servers: readonly ServerView[]; readonly after?: ReadonlyMap<string, number> }) {
  const owned = servers.map((server, i): Arc => ({ name: server.id, slots: server.slots, colour: `c${i % colours}` }));
  const zones = [...byZone(servers)].map(([zone, count], i): Arc => ({ name: zone, slots: count, colour: `z${i % 3}` }));
  const then = after === undefined ? [] : owned.map((arc): Arc => ({ ...arc, slots: after.get(arc.name) ?? 0 }));
  const words = servers.map(({ id, slots: count }) => `${id} ${percent(count)}${after === undefined ? "" : `, then ${percent(after.get(id) ?? 0)}`}`).join("; ");
  return (
    <svg viewBox="0 0 200 200" role="img" aria-label={`Shares of the ${pool} pool: ${words}`}>
      <Circle radius={94} width={6} arcs={zones} />
      <Circle radius={75} width={26} arcs={owned} />
      <Circle radius={50} width={16} arcs={then} />
      <text x="100" y="98" text-anchor="middle" class="pool">{pool}</text>
      <text x="100" y="114" text-anchor="middle" class="count">{after === undefined ? `${servers.length} servers` : "now, then"}</text>
    </svg>
  );
}

function Circle({ radius, width, arcs }: { readonly radius: number; readonly width: number; readonly arcs: readonly Arc[] }) {
  let from = 0;
  return (
    <g transform="rotate(-90 100 100)">
      {arcs.map(({ name, slots: length, colour }) => {
        const start = from;
        from += length;
        return length === 0 ? null : <circle key={name} cx="100" cy="100" r={radius} class={`arc ${colour}`} stroke-width={width} pathLength={slots} stroke-dasharray={`${Math.max(1, length - 300)} ${slots}`} stroke-dashoffset={-start} />;
      })}
    </g>
  );
}
