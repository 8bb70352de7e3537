import type { Environment, Named, TextKey } from "./environment.ts";
import type { RowKey, Table } from "./rows.ts";

/**
 * A table of rows (rows.ts) that lies in one named database.
 * @param put writes a row, and what stands beside it, in the transaction that runs
 * @param bytesOf about so much a row writes
 */
export function lmdbTable<Value, Row>(env: Environment, db: Named<Value>, rowOf: (key: TextKey, value: Value) => Row, put: (row: Row) => void, bytesOf: (row: Row) => number = () => 100): Table<Row> {
  return {
    dump: (after, limit) => env.read(() => Array.from(db.getRange({ ...beyond(after), limit }), ({ key, value }) => rowOf(key, value))),
    load: (rows) => env.write(() => rows.forEach(put), rows.reduce((sum, row) => sum + bytesOf(row), 0)),
  };
}

function beyond(after: RowKey): { start?: TextKey; exclusiveStart?: boolean } {
  if (after.length === 0) return {};
  return { start: after.length === 1 ? after[0]! : [...after], exclusiveStart: true };
}
