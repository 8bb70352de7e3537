/** The embedded registry's folder: one file, replaced whole, so that a crash leaves the old or the new state. */
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Entry } from "./kv.ts";

const FILE = "registry.json";

export interface Saved {
  /** no index beyond this one was ever given out */
  readonly reserved: number;
  readonly entries: ReadonlyMap<string, Entry>;
}

/** Where the registry keeps its state; `undefined` in its place keeps nothing. */
export interface Disk {
  /** @throws Error where the file is there but not readable as what `save` wrote: starting empty would take the index back */
  load(): Promise<Saved | undefined>;
  /** Resolves when the state is on disk. One call at a time. */
  save(state: Saved): Promise<void>;
}

interface File {
  readonly v: 1;
  readonly reserved: number;
  readonly entries: Readonly<Record<string, { value: string; flags: number; createIndex: number; modifyIndex: number; lockIndex: number }>>;
}

export function openDisk(folder: string): Disk {
  const path = join(folder, FILE);
  return {
    async load() {
      let text: string;
      try {
        text = await readFile(path, "utf8");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
      try {
        const file = JSON.parse(text) as File;
        if (file.v !== 1 || !Number.isSafeInteger(file.reserved)) throw new Error("unknown version");
        const entries = Object.entries(file.entries).map(([key, e]) => [key, { ...e, value: Buffer.from(e.value, "base64") }] as const);
        return { reserved: file.reserved, entries: new Map(entries) };
      } catch (error) {
        throw new Error(`${FILE} in the data folder is damaged (${(error as Error).message}); restore it, or remove it to start with an empty registry`, { cause: error });
      }
    },
    async save({ reserved, entries }) {
      // Sessions end with the process, so locks are not kept.
      const kept = [...entries].map(([key, { session: _gone, ...e }]) => [key, { ...e, value: Buffer.from(e.value).toString("base64") }]);
      const file = { v: 1, reserved, entries: Object.fromEntries(kept) as File["entries"] } satisfies File;
      await mkdir(folder, { recursive: true });
      const draft = `${path}.tmp`;
      const handle = await open(draft, "w", 0o600);
      try {
        await handle.writeFile(JSON.stringify(file));
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(draft, path);
      await syncFolder(folder);
    },
  };
}

/** Makes the rename itself durable. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
