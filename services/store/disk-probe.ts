/**
 * Asks the disk of a folder whether it takes more, before lmdb is asked to write: a write that fails inside lmdb 3.5.6 may end the process
 * (docs/decisions/0013). What it finds out: no room, no room for this user (a quota), a limit of file size, a file system that was set read-only after a fault.
 */
import { open, stat, statfs, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

/** With less than this free on its disk the store takes no more writes; a commit needs less. */
const reserveBytes = 4 * 2 ** 20;
const page = Buffer.alloc(4_096);

export class DiskProbe {
  readonly #folder: string;
  #file: FileHandle | undefined;
  /** where this process wrote last */
  #at = -1;

  /** @param folder that of data.mdb; the probe is a sparse file in it, of one block, which all processes share */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws Error that says why nothing can be written */
  async ask(): Promise<void> {
    const [{ bavail, bsize }, { size }] = await Promise.all([statfs(this.#folder), stat(join(this.#folder, "data.mdb"))]);
    if (bavail * bsize < reserveBytes) throw new Error(`less than ${reserveBytes / 2 ** 20} MiB are free on the disk`);
    this.#file ??= await open(join(this.#folder, "probe"), "w");
    // Rounded up, so that it moves seldom.
    const at = Math.ceil(size / reserveBytes + 1) * reserveBytes;
    if (at !== this.#at) await this.#file.truncate(0);
    await this.#file.write(page, 0, page.length, at);
    this.#at = at;
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }
}
