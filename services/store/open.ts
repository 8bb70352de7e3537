/** Engines by the name that `--store` takes. The lmdb engines of one folder share one environment, in all processes. */
import type { Directory } from "./directory.ts";
import { openLmdbDirectory } from "./lmdb-directory.ts";
import { openLmdbLog } from "./lmdb-log.ts";
import type { LogStore } from "./log.ts";
import { openMemoryDirectory } from "./memory-directory.ts";
import { openMemoryLog } from "./memory-log.ts";

export type Engine = "memory" | "lmdb";

/** @throws StoreUnavailable where the folder can't be opened */
export function openLog(engine: Engine, dataDir: string): LogStore {
  return engine === "memory" ? openMemoryLog() : openLmdbLog(dataDir);
}

/** @throws StoreUnavailable where the folder can't be opened */
export function openDirectory(engine: Engine, dataDir: string): Directory {
  return engine === "memory" ? openMemoryDirectory() : openLmdbDirectory(dataDir);
}
