/** Which port each process of a plane takes: all derive from the edge's. */
import { createServer } from "node:net";

export interface Sizes {
  readonly channels: number;
  readonly gateways: number;
  readonly presences: number;
}

export interface Ports {
  readonly edge: number;
  readonly mesh: number;
  readonly admin: number;
  readonly charm: number;
  readonly webapp: number;
  readonly console: number;
  readonly channel: readonly number[];
  readonly gateway: readonly number[];
  readonly presence: readonly number[];
}

/** edge, mesh +1, admin +2, charm +3, webapp +4, console +5, then from +10 the channel, presence and gateway servers one after the other. */
export function planPorts(edge: number, sizes: Sizes): Ports {
  let next = edge + 10;
  const take = (count: number): number[] => Array.from({ length: count }, () => next++);
  return { edge, mesh: edge + 1, admin: edge + 2, charm: edge + 3, webapp: edge + 4, console: edge + 5, channel: take(sizes.channels), presence: take(sizes.presences), gateway: take(sizes.gateways) };
}

/** @returns the first port that cannot be bound on `host`, with the reason, or undefined */
export async function takenPort(host: string, ports: Ports): Promise<{ port: number; reason: string } | undefined> {
  for (const port of Object.values(ports).flat() as number[]) {
    const reason = await new Promise<string | undefined>((resolve) => {
      const probe = createServer();
      probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(undefined)));
    });
    if (reason !== undefined) return { port, reason };
  }
  return undefined;
}
