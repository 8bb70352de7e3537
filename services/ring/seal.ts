/** What charm publishes, made from what charm decides. */
import { pools, type Pool, type PoolTopology, type Topology } from "../protocol/topology.ts";
import type { RingModule, RingView } from "./ring.ts";
import { encodeTopologyBinary, encodeTopologyJson, validateTopology } from "./topology.ts";

/** A topology whose digests nobody has worked out yet. */
export interface TopologyDraft {
  readonly epoch: number;
  readonly pools: Readonly<Record<Pool, Pick<PoolTopology, "servers" | "pins">>>;
}

export interface Sealed {
  readonly topology: Topology;
  readonly view: RingView;
  /** canonical JSON, for `TOPOLOGY_KEY` */
  readonly json: Uint8Array;
  /** for `TOPOLOGY_BINARY_KEY` */
  readonly binary: Uint8Array;
}

/**
 * Checks a draft, builds its rings, adds key ID and table digests, and encodes it both ways.
 * @throws TopologyError where the draft breaks a rule or a limit
 */
export function sealTopology(module: RingModule, draft: TopologyDraft): Sealed {
  const document = (digest: (pool: Pool) => string): Topology =>
    validateTopology({
      v: 1,
      epoch: draft.epoch,
      keyId: module.keyId,
      pools: Object.fromEntries(
        pools.map((pool) => {
          const { servers, pins } = draft.pools[pool];
          return [pool, { servers, pins, tableDigest: digest(pool) }];
        }),
      ),
    });
  const unsealed = module.build(document(() => "0".repeat(16)));
  const topology = document((pool) => unsealed.tableDigest(pool));
  unsealed.dispose();
  return {
    topology,
    view: module.build(topology),
    json: encodeTopologyJson(topology),
    binary: encodeTopologyBinary(topology, module.sipHash24),
  };
}
