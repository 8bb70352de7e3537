/** The engines themselves, doing the same group commit without the log. */
import { openBareLmdb } from "./bare-lmdb.ts";
import { openBarePostgres } from "./bare-postgres.ts";
import type { AppendOf, Kind } from "./workload.ts";

/** @param place folder or URL */
export async function openBare(engine: string, kind: Exclude<Kind, "ringway">, place: string): Promise<AppendOf> {
  return engine === "lmdb" ? openBareLmdb(kind, place) : openBarePostgres(kind, place);
}
