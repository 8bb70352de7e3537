import { rowKey, type RowKey, type Table, type TableName } from "./rows.ts";

/** About so much a batch holds, where its rows are long: it is one transaction of who takes it. */
const batchBytes = 2 ** 20;

/** A table beyond a key, in batches of at most `most` rows: at first few, then as many as their length allows. */
export async function* batches<Row extends object>(name: TableName, table: Table<Row>, after: RowKey, most: number): AsyncGenerator<Row[]> {
  let rows = Math.min(most, 64);
  for (let from = after; ; ) {
    const batch = await table.dump(from, rows);
    if (batch.length === 0) return;
    yield batch;
    from = rowKey(name, batch.at(-1)!);
    const bytes = batch.reduce((sum, row) => sum + sizeOf(row), 0);
    rows = Math.max(1, Math.min(most, rows * 2, Math.floor((batch.length * batchBytes) / bytes)));
  }
}

function sizeOf(row: object): number {
  return Object.values(row).reduce<number>((sum, value) => sum + (value instanceof Uint8Array || typeof value === "string" ? value.length : 8), 1);
}
