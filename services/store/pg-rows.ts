import type { PgPool, Row as PgRow } from "./pg-pool.ts";
import type { RowKey, Table } from "./rows.ts";

export interface PgTable<Row> {
  readonly name: string;
  /** column → its type; first those of the primary key */
  readonly columns: Readonly<Record<string, "text" | "int" | "int2" | "int8" | "boolean" | "bytea">>;
  /** how many columns make the primary key */
  readonly keys: number;
  /** which rows that are there a loaded one may replace; all, where it is left out */
  readonly replaces?: string;
  /** in order of the columns */
  cells(row: Row): readonly unknown[];
  rowOf(row: PgRow): Row;
}

/** A table of rows (rows.ts) that is a table of the database. Loading is one statement. */
export function pgTable<Row>(reading: PgPool, writing: PgPool, { name, columns, keys, replaces, cells, rowOf }: PgTable<Row>): Table<Row> {
  const names = Object.keys(columns);
  const types = Object.values(columns);
  const key = names.slice(0, keys).join(", ");
  const after = types.slice(0, keys).map((_, i) => `$${i + 1}`).join(", ");
  const update = names.slice(keys).map((column) => `${column} = excluded.${column}`).join(", ");
  const dump = { name: `ringway_dump_${name}`, text: `select ${names.join(", ")} from ringway.${name} where (${key}) > (${after}) order by ${key} limit $${keys + 1}` };
  const load = {
    name: `ringway_load_${name}`,
    text: `insert into ringway.${name} (${names.join(", ")}) select * from unnest(${types.map((type, i) => `$${i + 1}::${type}[]`).join(", ")})
      on conflict (${key}) do ${update === "" ? "nothing" : `update set ${update}`}${replaces === undefined ? "" : ` where ${replaces}`}`,
  };
  const first: RowKey = types.slice(0, keys).map((type) => (type === "text" ? "" : -1));
  return {
    dump: async (from, limit) => (await reading.query(dump, [...(from.length === 0 ? first : from), limit])).map(rowOf),
    async load(rows) {
      const list = rows.map(cells);
      await writing.query(load, names.map((_, column) => list.map((row) => row[column])));
    },
  };
}
