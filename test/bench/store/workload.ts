/** What every subject writes: short messages, each writer to a channel of its own. */

/** Durable when it resolves. A writer never has two on their way. */
export type AppendOf = (writer: number) => Promise<void>;

/**
 * `ringway`: the engine as a channel server uses it. `bare`: the same rows in the same groups, nothing read and nothing checked.
 * `one row`: the least that an append can be, one row without any index beside it.
 */
export const kinds = ["ringway", "bare", "one row"] as const;
export type Kind = (typeof kinds)[number];

export const maxWriters = 256;
export const payload = Buffer.alloc(200, "x");
export const channelOf = (writer: number): string => `C${String(writer).padStart(8, "0")}`;
/** As long as a UUID, and as random to an index. */
export const keyOf = (offset: number): string => `${(Math.imul(offset, 0x9e3779b1) >>> 0).toString(16).padStart(8, "0")}-0000-4000-8000-${String(offset).padStart(12, "0")}`;
export const tsOf = (offset: number): string => `${1_700_000_000 + Math.floor(offset / 1e6)}.${String(offset % 1e6).padStart(6, "0")}`;
