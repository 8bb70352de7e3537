import { rowKey, type RowKey, type Table, type TableName } from "./rows.ts";

/** A table of rows (rows.ts) that lie in memory. @param all in any order */
export function memoryTable<Row extends object>(name: TableName, all: () => Iterable<Row>, put: (row: Row) => void): Table<Row> {
  return {
    dump: async (after, limit) =>
      [...all()]
        .map((row) => ({ row, key: rowKey(name, row) }))
        .filter(({ key }) => compare(key, after) > 0)
        .sort((a, b) => compare(a.key, b.key))
        .slice(0, limit)
        .map(({ row }) => row),
    load: async (rows) => rows.forEach(put),
  };
}

function compare(a: RowKey, b: RowKey): number {
  const at = a.findIndex((part, i) => part !== b[i]);
  if (at < 0) return 0;
  return b[at] === undefined || a[at]! > b[at] ? 1 : -1;
}
