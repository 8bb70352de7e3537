/** Successive topologies that differ in little: what a drain, a weight or a join looks like to the filter. */
import { seal } from "../../filter/setup.ts";

/** So many documents, epochs 1 …, each with `servers` in the channel pool, of which one has another weight than in the document before. */
export function documents(count: number, servers: number, addr: (server: number) => string): Uint8Array[] {
  return Array.from({ length: count }, (_, change) => {
    const channel = Array.from({ length: servers }, (_, i) => ({ id: `cs-${i}`, addr: addr(i), zone: "a", weight: i === 3 ? 100 + (change % 2) : 100, state: "up" as const }));
    const { binary, view } = seal(change + 1, { channel });
    view.dispose();
    return binary;
  });
}
