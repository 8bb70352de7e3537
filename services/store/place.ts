/** What the target of a copy remembers of it (copy.ts), in its table `copies`. */
import type { RowKey, TableName } from "./rows.ts";

export interface Place {
  /** the source's name */
  readonly from: string;
  /** a digest of what tells of writes to the source, as it was when the copy began */
  readonly source: string;
  /** what is being copied; "" when all of it was */
  readonly table: TableName | "";
  readonly after: RowKey;
  /** of `table` */
  readonly rows: number;
  /** when it was copied and found to be the same; a store that is written to before that may lose what was acked */
  readonly verified?: string;
}

export function readPlace(state: string): Place {
  return JSON.parse(state) as Place;
}
