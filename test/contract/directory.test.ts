import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { User } from "../../services/store/directory.ts";
import { openLmdbDirectory } from "../../services/store/lmdb-directory.ts";
import { openLmdbLog } from "../../services/store/lmdb-log.ts";
import { openMemoryDirectory } from "../../services/store/memory-directory.ts";
import { directoryContract } from "./directory.ts";
import { raceForTickets } from "./ticket-race.ts";

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ringway-directory-"));
  folders.push(folder);
  return folder;
}

directoryContract("memory", openMemoryDirectory);
directoryContract("lmdb", async () => openLmdbDirectory(await newFolder()));

describe("one lmdb folder", () => {
  it("gives each ticket to one of two processes", async () => {
    const folder = await newFolder();
    const directory = openLmdbDirectory(folder);
    const { put, taken } = await raceForTickets(directory, folder, 60);
    expect(taken).toEqual(put);
    await directory.close();
  });

  it("carries the log and the directory of one process, and is there after both were closed and opened again", async () => {
    const folder = await newFolder();
    for (const fence of [1, 2]) {
      const log = openLmdbLog(folder);
      const directory = openLmdbDirectory(folder);
      expect(await log.claim(1, "cs-0")).toBe(fence);
      await directory.change({ channel: "C1", user: `U${fence}`, member: true, key: `k${fence}` });
      await log.close();
      expect((await directory.members("C1", "", 10)).length).toBe(fence);
      expect((await directory.unsettled(["", ""], 10)).length).toBe(fence);
      await directory.close();
    }
  });

  it("gives version 0 to the choice of presence of a user who was stored without one", async () => {
    const directory = openLmdbDirectory(await newFolder());
    const stored = { id: "U1", name: "ada", realName: "Ada", botId: null, manualAway: true, createdAt: 1 };
    await directory.putUser(stored as User);
    expect([await directory.user("U1"), await directory.userByName("ada"), ...(await directory.users("", 9))]).toEqual(Array(3).fill({ ...stored, manualAwayAt: 0 }));
    expect(await directory.chooseAway("U1", false, 0)).toBe(1);
    await directory.close();
  });

  it("is unavailable once it is closed", async () => {
    const log = openLmdbLog(await newFolder());
    await log.close();
    await expect(log.claim(1, "cs-0")).rejects.toMatchObject({ name: "StoreUnavailable" });
    await expect(log.head("C1")).rejects.toMatchObject({ name: "StoreUnavailable" });
  });
});
