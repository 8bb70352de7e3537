/** A copy of an lmdb store, taken while the plane runs. */
import { mkdir, mkdtemp, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { copyEnvironment } from "./environment.ts";

/** There is nothing to copy, or no place for it; the message is one line for people. */
export class BackupError extends Error {
  override name = "BackupError";
}

/** How often somebody is told how far a copy is, ms. */
const tellMs = 200;

/**
 * Copies the store in `from` as it is at one moment to the folder `to`, which is absent or empty. The copy appears there
 * whole and synced, or not at all. While it is made the store reclaims no pages, so a busy one grows meanwhile.
 * @param copied told now and then which share of it is copied
 * @returns the copy's size in bytes
 * @throws BackupError
 */
export async function backUp(from: string, to: string, copied: (share: number) => void = () => {}): Promise<number> {
  const target = resolve(to);
  if ((await stat(join(from, "data.mdb")).catch(() => undefined)) === undefined) throw new BackupError(`there is no lmdb store in ${from}`);
  try {
    await mkdir(dirname(target), { recursive: true });
    const made = await mkdtemp(join(dirname(target), `.${basename(target)}-`));
    try {
      const size = (path: string): Promise<number> => stat(join(path, "data.mdb")).then((file) => file.size, () => 0);
      const whole = await size(from);
      const telling = setInterval(() => void size(made).then((bytes) => copied(bytes / whole)), tellMs);
      await copyEnvironment(from, made).finally(() => clearInterval(telling));
      await sync(join(made, "data.mdb"));
      await sync(made);
      await rename(made, target);
      await sync(dirname(target));
    } finally {
      await rm(made, { recursive: true, force: true });
    }
    return (await stat(join(target, "data.mdb"))).size;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOTEMPTY" || code === "EEXIST") throw new BackupError(`${to} is there already and is not empty`);
    throw new BackupError(`the copy to ${to} failed: ${message}`);
  }
}

async function sync(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
