/** One of the two stores of a copy: what a person calls it, and what it is then. */
import { mkdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Directory } from "./directory.ts";
import type { LogStore } from "./log.ts";
import { isPostgres, openDirectory, openLog, type StoreConfig } from "./open.ts";
import { placeOf } from "./pg-place.ts";

export interface End {
  /** the same for the same store, without a password */
  readonly name: string;
  readonly log: LogStore;
  readonly directory: Directory;
  close(): Promise<void>;
}

/** What was asked for can't be; the message is one line for people. */
export class CopyError extends Error {
  override name = "CopyError";
}

/** Connections of each half of a store in PostgreSQL. */
const storeConnections = 3;

/** @throws CopyError where this is no store's name, or there is none by that name, and none may be made */
export async function configOf(name: string, make: boolean): Promise<StoreConfig & { readonly name: string }> {
  if (isPostgres(name)) return { store: name, data: "", storeConnections, name: placeOf(name).place };
  const data = name.replace(/^lmdb:/, "");
  // It isn't shown: what is meant for a URL may hold a password.
  if (data === "" || data === "memory" || /^[A-Za-z][A-Za-z0-9+.-]+:/.test(data)) throw new CopyError("a store is named by lmdb's folder, lmdb:FOLDER or postgres://user:password@host:port/database");
  if (make) await mkdir(data, { recursive: true }).catch((error: Error) => Promise.reject(new CopyError(`${data} can't be made: ${error.message}`)));
  else if ((await stat(join(data, "data.mdb")).catch(() => undefined)) === undefined) throw new CopyError(`there is no lmdb store in ${data}`);
  return { store: "lmdb", data, storeConnections, name: `lmdb:${await realpath(data)}` };
}

/** @throws StoreUnavailable where it can't be opened, refuses, or doesn't answer */
export async function openEnd(config: StoreConfig & { readonly name: string }): Promise<End> {
  const log = openLog(config);
  const directory = openDirectory(config);
  const close = async (): Promise<void> => void (await Promise.all([log.close(), directory.close()]));
  try {
    await log.claimed(0);
  } catch (error) {
    await close();
    throw error;
  }
  return { name: config.name, log, directory, close };
}
