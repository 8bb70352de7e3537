import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { openLmdbLog } from "../../services/store/lmdb-log.ts";
import { logContract } from "./log.ts";

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

logContract("lmdb", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ringway-log-"));
  folders.push(folder);
  return openLmdbLog(folder);
});
