/** Engines by the name that `--store` takes. The lmdb engines of one folder share one environment, in all processes. */
import type { Log } from "../runtime/log.ts";
import type { Directory } from "./directory.ts";
import { openLmdbDirectory } from "./lmdb-directory.ts";
import { openLmdbLog } from "./lmdb-log.ts";
import type { EnvironmentOptions } from "./environment.ts";
import type { LogStore } from "./log.ts";
import { openMemoryDirectory } from "./memory-directory.ts";
import { openMemoryLog } from "./memory-log.ts";

export type Engine = "memory" | "lmdb";

/** What a service tells its store. */
export interface StoreOptions {
  readonly log?: Log;
  /** lmdb: `EnvironmentOptions.stuckKillMs` */
  readonly stuckKillMs?: number;
}

function environmentOptions({ log, stuckKillMs }: StoreOptions): EnvironmentOptions {
  const onKill = (pid: number): void => log?.warn({ pid }, "ended a process that was stopped while it held the store's write lock");
  return { onKill, ...(stuckKillMs === undefined ? {} : { stuckKillMs }) };
}

/** @throws StoreUnavailable where the folder can't be opened */
export function openLog(engine: Engine, dataDir: string, options: StoreOptions = {}): LogStore {
  return engine === "memory" ? openMemoryLog() : openLmdbLog(dataDir, environmentOptions(options));
}

/** @throws StoreUnavailable where the folder can't be opened */
export function openDirectory(engine: Engine, dataDir: string, options: StoreOptions = {}): Directory {
  return engine === "memory" ? openMemoryDirectory() : openLmdbDirectory(dataDir, environmentOptions(options));
}
