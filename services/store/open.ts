/** Engines by what `--store` says. The lmdb engines of one folder share one environment, in all processes; those of one database, that. */
import type { Log } from "../runtime/log.ts";
import type { Directory } from "./directory.ts";
import type { EnvironmentOptions } from "./environment.ts";
import { openLmdbDirectory } from "./lmdb-directory.ts";
import { openLmdbLog } from "./lmdb-log.ts";
import { StoreRefused, type LogStore } from "./log.ts";
import { openMemoryDirectory } from "./memory-directory.ts";
import { openMemoryLog } from "./memory-log.ts";
import { openPgDirectory } from "./pg-directory.ts";
import { openPgLog } from "./pg-log.ts";
import { PgPlace, placeOf } from "./pg-place.ts";
import { PgPool } from "./pg-pool.ts";
import { readPlace } from "./place.ts";

/** What the flags of a server that keeps things say (storeFlags in runtime/common-flags.ts). */
export interface StoreConfig {
  /** `memory`, `lmdb` or `postgres://…` */
  readonly store: string;
  /** lmdb's folder */
  readonly data: string;
  /** lmdb: `EnvironmentOptions.stuckKillMs`; its default where it is left out */
  readonly storeStuckKillMs?: number;
  /** PostgreSQL: at most so many */
  readonly storeConnections: number;
}

function environmentOptions({ storeStuckKillMs }: StoreConfig, log: Log | undefined): EnvironmentOptions {
  const onKill = (pid: number): void => log?.warn({ pid }, "ended a process that was stopped while it held the store's write lock");
  return { onKill, ...(storeStuckKillMs === undefined ? {} : { stuckKillMs: storeStuckKillMs }) };
}

export const isPostgres = (store: string): boolean => /^postgres(ql)?:/.test(store);

/** @throws StoreUnavailable where the folder can't be opened or the URL can't be read; PostgreSQL is connected to when it is needed */
export function openLog(config: StoreConfig, log?: Log): LogStore {
  if (isPostgres(config.store)) return openPgLog(config.store, config.storeConnections);
  return config.store === "memory" ? openMemoryLog() : openLmdbLog(config.data, environmentOptions(config, log));
}

/** @throws StoreUnavailable where the folder can't be opened or the URL can't be read; PostgreSQL is connected to when it is needed */
export function openDirectory(config: StoreConfig, log?: Log): Directory {
  if (isPostgres(config.store)) return openPgDirectory(config.store, config.storeConnections);
  return config.store === "memory" ? openMemoryDirectory() : openLmdbDirectory(config.data, environmentOptions(config, log));
}

/**
 * Asks a database whether it takes us, and brings its schema up to date. One that a copy into was begun and not finished is no store yet.
 * @throws StoreRefused where asking again doesn't help, else StoreUnavailable
 */
export async function checkStore({ store }: Pick<StoreConfig, "store">): Promise<void> {
  if (!isPostgres(store)) return;
  const pool = new PgPool(new PgPlace(store), 1);
  try {
    const [copy] = await pool.query({ name: "", text: "select state from ringway.copies" }, []);
    if (copy !== undefined && readPlace(copy["state"] as string).verified === undefined) throw new StoreRefused(`${placeOf(store).place} holds a copy that is not finished: give 'ringway store copy' again, and start when it says that both are the same`);
  } finally {
    await pool.close();
  }
}
