/** Whether two stores hold the same: how many rows a table has, and a digest of them. */
import { createHash } from "node:crypto";
import { batches } from "./batches.ts";
import type { Table, TableName } from "./rows.ts";

export interface Digest {
  readonly rows: number;
  /** SHA-256, in hex, over `canonical` of every row in order, each with a line feed */
  readonly sha256: string;
}

/** @param told of every batch that was read */
export async function digestOf(name: TableName, table: Table<object>, told: (rows: readonly object[]) => void = () => {}): Promise<Digest> {
  const hash = createHash("sha256");
  let rows = 0;
  for await (const batch of batches(name, table, [], 1_000)) {
    for (const row of batch) hash.update(`${canonical(row)}\n`);
    rows += batch.length;
    told(batch);
  }
  return { rows, sha256: hash.digest("hex") };
}

/** JSON with sorted names, without those that have no value; bytes as base64. */
function canonical(row: object): string {
  const fields = Object.entries(row)
    .map(([name, value]) => [name, value instanceof Uint8Array ? Buffer.from(value).toString("base64") : (value as unknown)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(Object.fromEntries(fields));
}
