/** The cluster hash key: 128 bits, fixed for a cluster's life, the same in every process and in the filter's configuration. */
export interface ClusterKey {
  /** bytes 0..7, little-endian */
  readonly k0: bigint;
  /** bytes 8..15, little-endian */
  readonly k1: bigint;
}

/**
 * For development only: everybody knows it, so anybody can make channel IDs that all fall on one server.
 * A cluster that strangers reach needs a key of its own.
 */
export const DEV_KEY = "000102030405060708090a0b0c0d0e0f";

/** A cluster key that isn't 32 hex digits. The message never repeats what was given. */
export class KeyError extends Error {
  constructor() {
    super("the cluster key must be 32 hex digits");
    this.name = "KeyError";
  }
}

/** @throws KeyError */
export function parseKey(hex: string): ClusterKey {
  if (!/^[0-9a-fA-F]{32}$/.test(hex)) throw new KeyError();
  const bytes = Buffer.from(hex, "hex");
  return { k0: bytes.readBigUInt64LE(0), k1: bytes.readBigUInt64LE(8) };
}
