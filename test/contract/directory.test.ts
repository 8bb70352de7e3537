import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { openLmdbDirectory } from "../../services/store/lmdb-directory.ts";
import { openMemoryDirectory } from "../../services/store/memory-directory.ts";
import { directoryContract } from "./directory.ts";

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

directoryContract("memory", openMemoryDirectory);
directoryContract("lmdb", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ringway-directory-"));
  folders.push(folder);
  return openLmdbDirectory(folder);
});
