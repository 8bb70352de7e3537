/** The topology document (DESIGN 3): one document, one epoch, all pools. Published by charm at `TOPOLOGY_KEY`. */
export const TOPOLOGY_KEY = "ringway/topology";
/** The same document in the filter's binary form. */
export const TOPOLOGY_BINARY_KEY = "ringway/topology.bin";

export const pools = ["channel", "presence", "gateway"] as const;
export type Pool = (typeof pools)[number];

/** `up` takes new keys; `draining` and `down` own nothing. */
export type ServerState = "up" | "draining" | "down";

export interface Server {
  readonly id: string;
  /** `ip:port` */
  readonly addr: string;
  readonly zone: string;
  /** 0..65535; 0 owns nothing */
  readonly weight: number;
  readonly state: ServerState;
  /** of a gateway that drains: its clients shall all have left so many milliseconds after it learns of it; absent = at the gateways' own rate. Not in the binary form */
  readonly drainMs?: number;
}

export interface PoolTopology {
  /** sorted by ID, bytewise */
  readonly servers: readonly Server[];
  /** `[slot, serverId]`, sorted by slot */
  readonly pins: readonly (readonly [number, string])[];
  /** hex SipHash-1-3 of the whole owner table */
  readonly tableDigest: string;
}

export interface Topology {
  readonly v: 1;
  /** raised by each change; a reader rejects a lower one */
  readonly epoch: number;
  /** names the cluster hash key without revealing it */
  readonly keyId: string;
  /** hex SipHash-2-4 of all that the binary form holds, under the cluster key: damage is found out before anybody goes by it */
  readonly digest?: string;
  readonly pools: Readonly<Record<Pool, PoolTopology>>;
}
