/** What charm publishes, made from what charm decides. */
import { pools, type Pool, type PoolTopology, type Topology } from "../protocol/topology.ts";
import { fillTables, type RingModule, type RingView } from "./ring.ts";
import { digestOf, encodeTopologyBinary, encodeTopologyJson, validateTopology } from "./topology.ts";

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
  return finish(module, draft, module.build(document(module, draft, () => noDigest)));
}

/**
 * The same, with the tables built a slice per turn of the event loop: at 1000 servers they take half a second.
 * @param before a view of which the tables are taken where a pool has not changed
 */
export async function sealTopologyInTurns(module: RingModule, draft: TopologyDraft, before?: RingView): Promise<Sealed> {
  const unsealed = module.build(document(module, draft, () => noDigest), before);
  await fillTables(unsealed);
  return finish(module, draft, unsealed);
}

const noDigest = "0".repeat(16);

function document(module: RingModule, draft: TopologyDraft, digest: (pool: Pool) => string): Topology {
  const sealed = pools.map((pool) => {
    const { servers, pins } = draft.pools[pool];
    return [pool, { servers, pins, tableDigest: digest(pool) }];
  });
  return validateTopology({ v: 1, epoch: draft.epoch, keyId: module.keyId, pools: Object.fromEntries(sealed) });
}

function finish(module: RingModule, draft: TopologyDraft, unsealed: RingView): Sealed {
  const undigested = document(module, draft, (pool) => unsealed.tableDigest(pool));
  const binary = encodeTopologyBinary(undigested, module.sipHash24);
  const topology = { ...undigested, digest: digestOf(binary) };
  const view = module.build(topology, unsealed);
  unsealed.dispose();
  return {
    topology,
    view,
    json: encodeTopologyJson(topology),
    binary,
  };
}
