/** Node's face of ring.wasm: the same ring, compiled from the same source, as the one in the filter. */
import { setImmediate } from "node:timers/promises";
import { pools, type Topology } from "../protocol/topology.ts";
import { parseKey } from "./key.ts";
import { encodeTopologyBinary, TopologyError } from "./topology.ts";
import { RingView } from "./view.ts";
import { RingWasm, type Handle } from "./wasm.ts";

export { RingView } from "./view.ts";

/** Slots looked up between two turns of the event loop: about 3 ms at 1000 servers. */
const SLICE_SLOTS = 1024;

/** What ring.wasm says of a binary document that it refuses, by number (filter/ring/topology.ts). */
export const decodeErrors = [
  "none",
  "too_short",
  "too_long",
  "magic",
  "version",
  "key",
  "digest",
  "epoch",
  "truncated",
  "trailing",
  "servers",
  "pins",
  "id",
  "addr",
  "zone",
  "state",
  "order",
  "pin",
] as const;
export type DecodeError = (typeof decodeErrors)[number];

/** The ring under one cluster key. */
export interface RingModule {
  /** 8 hex digits that name the key and don't give it away */
  readonly keyId: string;
  /** The slot (0..65535) of a channel's or a user's ID. */
  slotOf(id: string): number;
  /** Of at most 256 KiB, as an unsigned 64-bit number. @throws RangeError */
  sipHash13(bytes: Uint8Array): bigint;
  sipHash24(bytes: Uint8Array): bigint;
  /** Whether a binary document would be taken, and if not, why. Never throws on any bytes. */
  check(binary: Uint8Array): DecodeError;
  /** Builds a valid document's rings. @throws TopologyError where it belongs to another key or is too large */
  build(doc: Topology): RingView;
  /**
   * The same, and checks the document's table digests, a slice per turn of the event loop.
   * @param before a view whose pools need not be looked up again where they are the same
   * @throws TopologyError
   */
  buildVerified(doc: Topology, before?: RingView): Promise<RingView>;
}

/** Looks every slot of a view up, a slice per turn of the event loop, so that its digests cost nothing afterwards. */
export async function fillTables(view: RingView): Promise<void> {
  for (const pool of pools) while (view.fill(pool, SLICE_SLOTS)) await setImmediate();
}

/**
 * Loads `build/ring.wasm` for a cluster key of 32 hex digits.
 * @throws KeyError
 */
export async function loadRingModule(keyHex: string): Promise<RingModule> {
  const wasm = await RingWasm.load(parseKey(keyHex));
  const { exports } = wasm;
  const keyId = (exports.keyId() >>> 0).toString(16).padStart(8, "0");
  const release = (handle: Handle): void => exports.__unpin(handle);
  const garbage = new FinalizationRegistry<Handle>(release);

  const sipHash24 = (bytes: Uint8Array): bigint => BigInt.asUintN(64, exports.hash24(wasm.putBytes(bytes)));

  const build = (doc: Topology): RingView => {
    if (doc.keyId !== keyId) throw new TopologyError("keyId", "wrong_key", `names key ${doc.keyId}, this process has ${keyId}`);
    const binary = encodeTopologyBinary(doc, sipHash24);
    exports.__collect(); // what earlier views have released: a topology holds about 1.5 MiB
    const handle = exports.decode(wasm.putBytes(binary));
    if (handle === 0) {
      throw new TopologyError("", "refused_by_ring", `is refused by the ring: ${decodeErrors[exports.topologyError()]}`);
    }
    exports.__pin(handle);
    wasm.refresh();
    const token = {};
    const view = new RingView(wasm, handle, doc, () => {
      garbage.unregister(token);
      release(handle);
    });
    garbage.register(view, handle, token);
    return view;
  };

  return {
    keyId,
    slotOf: (id) => exports.slot(wasm.putText(id)),
    sipHash13: (bytes) => BigInt.asUintN(64, exports.hash13(wasm.putBytes(bytes))),
    sipHash24,
    check(binary) {
      if (binary.length > wasm.input.length) return "too_long";
      const handle = exports.decode(wasm.putBytes(binary));
      wasm.refresh();
      return handle === 0 ? (decodeErrors[exports.topologyError()] ?? "none") : "none";
    },
    build,
    async buildVerified(doc, before) {
      const view = build(doc);
      if (before !== undefined) view.reuse(before);
      await fillTables(view);
      for (const pool of pools) {
        const digest = view.tableDigest(pool);
        if (digest !== doc.pools[pool].tableDigest) {
          view.dispose();
          throw new TopologyError(`pools.${pool}.tableDigest`, "digest_mismatch", `is not ${digest}, which the ring gives`);
        }
      }
      return view;
    },
  };
}
