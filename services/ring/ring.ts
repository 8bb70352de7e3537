/** Node's face of ring.wasm: the same ring, compiled from the same source, as the one in the filter. */
import { setImmediate } from "node:timers/promises";
import { pools, type Topology } from "../protocol/topology.ts";
import { parseKey } from "./key.ts";
import { digestOf, encodeTopologyBinary, TopologyError } from "./topology.ts";
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
  /** @throws TopologyError where the document says a digest that is not its own: it was damaged */
  checkDigest(doc: Topology): void;
  /**
   * Builds a valid document's rings.
   * @param before a view whose pools need not be looked up again where they are the same
   * @throws TopologyError where it belongs to another key, is damaged by its own digest, or is too large
   */
  build(doc: Topology, before?: RingView): RingView;
  /**
   * The same, and checks the document's table digests, a slice per turn of the event loop.
   * @throws TopologyError
   */
  buildVerified(doc: Topology, before?: RingView): Promise<RingView>;
}

/**
 * Checks a view against its document's table digests: whether this process and charm mean the same ring.
 * @param turn waited for between two slices of up to 3 ms; false ends the check
 * @throws TopologyError `digest_mismatch`
 */
export async function verifyTables(view: RingView, turn: () => Promise<boolean>): Promise<void> {
  if (!(await fillTables(view, turn))) return;
  for (const pool of pools) {
    const digest = view.tableDigest(pool);
    if (digest !== view.topology.pools[pool].tableDigest) {
      throw new TopologyError(`pools.${pool}.tableDigest`, "digest_mismatch", `is not ${digest}, which the ring gives`);
    }
  }
}

/**
 * Looks every slot of a view up, a slice per turn, so that its digests cost nothing afterwards.
 * @returns whether it came to the end: `turn` may say no
 */
export async function fillTables(view: RingView, turn: () => Promise<boolean> = eventLoop): Promise<boolean> {
  for (const pool of pools) while (view.fill(pool, SLICE_SLOTS)) if (!(await turn())) return false;
  return true;
}

const eventLoop = async (): Promise<boolean> => {
  await setImmediate();
  return true;
};

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

  const encode = (doc: Topology): Uint8Array => {
    const binary = encodeTopologyBinary(doc, sipHash24);
    if (doc.digest !== undefined && doc.digest !== digestOf(binary)) throw new TopologyError("digest", "digest_mismatch", "is not this document's: it was damaged");
    return binary;
  };

  const build = (doc: Topology, before?: RingView): RingView => {
    if (doc.keyId !== keyId) throw new TopologyError("keyId", "wrong_key", `names key ${doc.keyId}, this process has ${keyId}`);
    const binary = encode(doc);
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
    if (before !== undefined) view.reuse(before);
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
    checkDigest: (doc) => void encode(doc),
    build,
    async buildVerified(doc, before) {
      const view = build(doc, before);
      await verifyTables(view, eventLoop).catch((error: unknown) => {
        view.dispose();
        throw error;
      });
      return view;
    },
  };
}
