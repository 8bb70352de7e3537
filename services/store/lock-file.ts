/**
 * lmdb makes its lock file sparse and maps it. On a full disk the first touch of a page that was never written is
 * SIGBUS, the end of the process, where an error is wanted. So the file is written out before lmdb sees it.
 */
import { randomUUID } from "node:crypto";
import { existsSync, linkSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Room for some 240 readers; lmdb takes a file that is larger than it wants as it is. */
const lockBytes = 16 * 1024;

/**
 * Makes the folder and its lock file, where they are absent.
 * @throws ENOSPC and the like
 */
export function makeLockFile(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "lock.mdb");
  if (existsSync(path)) return;
  // Linked in whole: another process may use it from the moment that it is there.
  const made = `${path}.${randomUUID()}`;
  try {
    writeFileSync(made, Buffer.alloc(lockBytes), { mode: 0o664 });
    linkSync(made, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(made, { force: true });
  }
}
