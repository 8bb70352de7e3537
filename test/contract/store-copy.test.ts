/** `ringway store copy` as an operator runs it: from lmdb to a real PostgreSQL and back, killed on its way, and refused where it must be. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { store } from "../../services/cli/store.ts";
import { UsageError } from "../../services/runtime/flags.ts";
import { StoreUnavailable } from "../../services/store/log.ts";
import { copyStore, differing, type Copied, type CopyOptions } from "../../services/store/copy.ts";
import type { End } from "../../services/store/end.ts";
import { openLmdbDirectory } from "../../services/store/lmdb-directory.ts";
import { openLmdbLog } from "../../services/store/lmdb-log.ts";
import { openMemoryDirectory } from "../../services/store/memory-directory.ts";
import { openMemoryLog } from "../../services/store/memory-log.ts";
import { checkStore } from "../../services/store/open.ts";
import { openPgDirectory } from "../../services/store/pg-directory.ts";
import { openPgLog } from "../../services/store/pg-log.ts";
import { root } from "../e2e/plane.ts";
import { until } from "../e2e/wait.ts";
import { havePostgres, startPostgres, type PostgresServer } from "../engines/postgres.ts";
import { messageEntry, ts } from "./log-entry.ts";
import { cleanUp, newFolder } from "./log-lmdb-writer.ts";
import { allReads, fill, perChannel, type Store } from "./used-store.ts";

afterAll(cleanUp);

const main = join(root, "services", "main.ts");

/** Runs the CLI. @returns its exit code and all that it said */
function copy(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [main, "store", "copy", ...args], (_error, out, err) => resolve({ code: child.exitCode ?? -1, out, err }));
  });
}

const lmdb = (folder: string): Store => ({ log: openLmdbLog(folder), directory: openLmdbDirectory(folder) });
const postgres = (url: string): Store => ({ log: openPgLog(url, 4), directory: openPgDirectory(url, 4) });

/** Does something with an open store. */
async function withStore<T>(store: Store, use: (store: Store) => Promise<T>): Promise<T> {
  try {
    return await use(store);
  } finally {
    await Promise.all([store.log.close(), store.directory.close()]);
  }
}

describe("copying a store", () => {
  const end = (name: string): End => ({ name, log: openMemoryLog(), directory: openMemoryDirectory(), close: async () => {} });
  const run = (from: End, to: End, told: CopyOptions["told"] = () => {}): Promise<Copied> => copyStore(from, to, { batch: 50, told, now: () => 0 });

  it("says which tables differ where somebody else writes to the target", async () => {
    const [from, to] = [end("a"), end("b")];
    await fill(from, 2);
    const result = await run(from, to, (part, _share, table) => {
      if (part === "copying" && table === "heads") void to.log.rows.messages.load([{ channel: "C000", ts: ts(1), message: Buffer.from("other") }]);
    });
    expect([differing(result.tables), result.verified, result.changed]).toEqual([["messages"], undefined, false]);
  });

  it("finds out that somebody wrote to the source meanwhile, and does not go on where it was left", async () => {
    const [from, to] = [end("a"), end("b")];
    await fill(from, 2);
    let written = false;
    const write = (): void => {
      if (!written) void from.log.append({ channel: "C000", slot: 1, fence: 2, entries: [messageEntry(perChannel + 1)] });
      written = true;
    };
    const result = await run(from, to, (_part, _share, table) => void (table === "users" && write()));
    expect([written, result.changed, result.verified]).toEqual([true, true, undefined]);
    expect(await run(from, to)).toMatchObject({ did: "nothing", changed: true });
  });

  it("tells how far it is, from nothing to all", async () => {
    const [from, to] = [end("a"), end("b")];
    await fill(from, 3);
    const seen: Record<string, number[]> = { copying: [], verifying: [] };
    expect((await run(from, to, (part, share) => void seen[part]!.push(share))).verified).toBe("1970-01-01T00:00:00.000Z");
    for (const shares of Object.values(seen)) {
      expect(shares).toEqual(shares.toSorted((a, b) => a - b));
      expect([shares[0]! < 0.2, shares.at(-1)]).toEqual([true, 1]);
    }
  });

  it("refuses what is no store, is not there, is empty, is the same, or can't be reached, by one line without a password", async () => {
    const [place, empty, full] = [await newFolder(), await newFolder(), await newFolder()];
    await withStore(lmdb(empty), async () => {});
    await withStore(lmdb(full), (used) => fill(used, 1));
    const to = join(place, "to");
    const away = "postgres://u:sekret@127.0.0.1:1/x";
    const refusals: [from: string, to: string | undefined, said: RegExp][] = [
      [join(place, "none"), to, /there is no lmdb store in \S+none$/],
      [`lmdb:${empty}`, await newFolder(), /there is nothing in lmdb:\S+$/],
      [full, `lmdb:${full}`, /both are the same store: lmdb:\S+$/],
      [full, away, /PostgreSQL at 127\.0\.0\.1:1\/x does not answer: .*ECONNREFUSED/],
      [away, to, /PostgreSQL at 127\.0\.0\.1:1\/x does not answer: .*ECONNREFUSED/],
      ["mysql://u:sekret@127.0.0.1/x", to, /a store is named by lmdb's folder/],
      ["memory", to, /a store is named by lmdb's folder/],
      [full, undefined, /usage: ringway store copy <from> <to>/],
    ];
    for (const [from, target, said] of refusals) {
      const refused: unknown = await store.run(["copy", from, ...(target === undefined ? [] : [target])]).catch((error: unknown) => error);
      // main.ts makes one line and code 1 or 2 of it.
      expect(refused).toBeInstanceOf([from, target].includes(away) ? StoreUnavailable : UsageError);
      const { message } = refused as Error;
      expect(message).toMatch(said);
      expect(message).not.toMatch(/sekret|\n/);
    }
    // No folder is made where there is nothing to copy into it.
    expect(await readdir(place)).toEqual([]);
  });
});

describe.runIf(havePostgres())("copying a store of lmdb", () => {
  let server: PostgresServer;
  let folder: string;
  beforeAll(async () => {
    [server, folder] = [await startPostgres(), await newFolder()];
    await withStore(lmdb(folder), (used) => fill(used, 40));
  });
  afterAll(() => server?.stop());

  /** Copies until `rows` of a table are copied, then `kill -9`. */
  async function copyAndKill(table: string, rows: number): Promise<void> {
    const child = spawn(process.execPath, [main, "store", "copy", folder, server.secretUrl, "--batch", "20"], { stdio: "ignore" });
    const gone = once(child, "close");
    const target = openPgLog(server.secretUrl, 3);
    await until(`${rows} ${table} to be copied`, async () => {
      const [row] = await target.rows.copies.dump([], 1);
      const place = row === undefined ? undefined : (JSON.parse(row.state) as { table: string; rows: number });
      return place?.table === table && place.rows >= rows;
    });
    child.kill("SIGKILL");
    expect((await gone)[1]).toBe("SIGKILL");
    await target.close();
  }

  it("arrives whole in PostgreSQL though it is killed twice on its way, serves there, and comes back", async () => {
    await copyAndKill("entries", 1_000);
    await copyAndKill("messages", 500);
    await expect(checkStore({ store: server.secretUrl })).rejects.toThrow(/holds a copy that is not finished/);
    const done = await copy(folder, server.secretUrl);
    expect([done.code, done.err]).toEqual([0, ""]);
    expect(done.out).toMatch(/^table +source +sha256 +target +sha256\n/);
    expect(done.out).toMatch(new RegExp(`\\nentries +${40 * perChannel} +(\\w{16}) +${40 * perChannel} +\\1 +equal\\n`));
    expect(done.out).toMatch(/\nPostgreSQL at \S+ holds what lmdb:\S+ does\.\n$/);
    expect(done.out).not.toContain("sekret");

    await checkStore({ store: server.secretUrl });
    const source = await withStore(lmdb(folder), allReads);
    expect(await withStore(postgres(server.secretUrl), allReads)).toEqual(source);

    const again = await copy(folder, server.secretUrl, "--json");
    expect([again.code, JSON.parse(again.out)]).toEqual([0, expect.objectContaining({ did: "nothing", changed: false, differ: [], verified: expect.any(String) as unknown })]);
    const [other, foreign] = [await newFolder(), await newFolder()];
    await withStore(lmdb(other), (used) => fill(used, 1));
    await withStore(lmdb(foreign), (used) => fill(used, 1));
    const [back, ofAnother, taken, password] = await Promise.all([
      copy(server.secretUrl, `lmdb:${await newFolder()}`, "--json"),
      copy(other, server.secretUrl),
      copy(other, foreign),
      copy(folder, server.secretUrl.replace("sekret", "wr0ng")),
    ]);
    expect([back.code, back.err, JSON.parse(back.out)]).toEqual([0, "", expect.objectContaining({ did: "all", differ: [] })]);
    expect([ofAnother.code, ofAnother.err]).toEqual([2, expect.stringMatching(/^ringway: PostgreSQL at \S+ holds a copy of lmdb:\S+, not of lmdb:\S+\n$/)]);
    expect([taken.code, taken.err]).toEqual([2, expect.stringMatching(/^ringway: lmdb:\S+ holds something already; a copy needs an empty store\n$/)]);
    expect([password.code, password.err]).toEqual([1, expect.stringMatching(/^ringway: PostgreSQL at \S+ refuses the user ringway: [^\n]*\n$/)]);
    expect(password.err).not.toContain("wr0ng");

    // Who owned a slot before the move can't write after it, and the next owner goes on where it was.
    await withStore(postgres(server.secretUrl), async ({ log }) => {
      const next = { channel: "C000", slot: 1, lastTs: ts(perChannel), entries: [messageEntry(perChannel + 1)] };
      expect(await log.claim(1, "cs-9")).toBe(3);
      expect(await log.append({ ...next, fence: 2 })).toEqual({ ok: false, reason: "fenced" });
      expect(await log.append({ ...next, fence: 3 })).toEqual({ ok: true });
    });
    await withStore(lmdb(folder), ({ log }) => log.claim(1, "cs-0"));
    const changed = await copy(folder, server.secretUrl);
    expect([changed.code, changed.err]).toEqual([1, expect.stringMatching(/^ringway: lmdb:\S+ changed since the copy began: stop the plane, empty PostgreSQL at \S+, and copy again\n$/)]);
  });
});
