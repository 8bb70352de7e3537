/** The engines themselves, doing the same group commit without the log. */
import { openBareLmdb } from "./bare-lmdb.ts";
import type { AppendOf, Kind } from "./workload.ts";

export async function openBare(engine: string, kind: Kind, place: string): Promise<AppendOf> {
  if (engine === "lmdb") return openBareLmdb(kind, place);
  throw new Error(`there is no bare ${engine}`);
}
