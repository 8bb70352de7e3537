/**
 * Asks the disk of a folder whether it takes more, before lmdb is asked to write: a write that fails inside lmdb 3.5.6 may end the process
 * (docs/decisions/0013). What it finds out: no room, no room for this user (a quota), a limit of file size, a file system that was set read-only after a fault.
 */
import { open, stat, statfs, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

/**
 * With less than this free on its disk the store takes no more writes. A commit takes less: 500 writes that touch four leaf pages each and the branches above are some 10 MiB, their
 * values another 2, or one append of 4 MiB twice; several processes may have asked before one of them commits.
 */
const reserveBytes = 32 * 2 ** 20;
/** The probe moves by so much, in step with the data. */
const stepBytes = 4 * 2 ** 20;
const page = Buffer.alloc(4_096);

export class DiskProbe {
  readonly #folder: string;
  #file: Promise<FileHandle | undefined> | undefined;
  /** the question that is under way: a disk that hangs is asked once, or it would take all of the process's threads for files */
  #asking: Promise<void> | undefined;

  /** @param folder that of data.mdb; the probe is a sparse file in it, of one block, which all processes share */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws Error that says why nothing can be written */
  ask(): Promise<void> {
    return (this.#asking ??= this.#ask().finally(() => (this.#asking = undefined)));
  }

  async close(): Promise<void> {
    await (await this.#file?.catch(() => undefined))?.close();
  }

  async #ask(): Promise<void> {
    const [{ bavail, bsize }, { size }] = await Promise.all([statfs(this.#folder), stat(join(this.#folder, "data.mdb"))]);
    if (bavail * bsize < reserveBytes) throw new Error(`less than ${reserveBytes / 2 ** 20} MiB are free on the disk`);
    this.#file ??= this.#open();
    const file = await this.#file.catch((error: unknown) => {
      this.#file = undefined; // it may be another time
      throw error;
    });
    if (file === undefined) return;
    // Anew each time: to write over a block that is there already asks neither for room nor for a quota.
    await file.truncate(0);
    await file.write(page, 0, page.length, reserveBytes + Math.floor(size / stepBytes + 1) * stepBytes);
  }

  /** @returns undefined where the probe is another user's, and all that can be asked is how much is free */
  async #open(): Promise<FileHandle | undefined> {
    try {
      return await open(join(this.#folder, "probe"), "w", 0o664);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EACCES") throw error;
      return undefined;
    }
  }
}
