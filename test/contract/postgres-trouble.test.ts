/** What befalls PostgreSQL and its clients: other processes, kills, stops, a schema of another version, a wrong password. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { LogStore } from "../../services/store/log.ts";
import { openPgDirectory } from "../../services/store/pg-directory.ts";
import { openPgLog } from "../../services/store/pg-log.ts";
import { migrate, migrations } from "../../services/store/pg-schema.ts";
import { PgPlace } from "../../services/store/pg-place.ts";
import { PgPool } from "../../services/store/pg-pool.ts";
import { root } from "../e2e/plane.ts";
import { until } from "../e2e/wait.ts";
import { askPostgres, havePostgres, startPostgres, type PostgresServer } from "../engines/postgres.ts";
import { messageEntry } from "./log-entry.ts";
import { all, killWriters, Writer } from "./log-lmdb-writer.ts";
import { raceForTickets } from "./ticket-race.ts";

/** Runs the CLI. @returns its exit code and all that it said */
function ringway(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [join(root, "services", "main.ts"), ...args], { env: { ...process.env, ...env } }, (_error, out, err) => resolve({ code: child.exitCode ?? -1, out, err }));
  });
}

describe.runIf(havePostgres())("PostgreSQL", () => {
  let server: PostgresServer;
  let log: LogStore;
  beforeAll(async () => {
    server = await startPostgres();
    await openPgLog(server.url, 8).close();
  });
  beforeEach(async () => {
    log = openPgLog(server.url, 8);
    await log.head("C1");
    await server.empty();
  });
  afterEach(async () => {
    await killWriters();
    await log.close();
  });
  afterAll(() => server?.stop());

  /** Runs statements beside the program. */
  async function ask(url: string, ...texts: string[]): Promise<Record<string, unknown>[]> {
    const client = new pg.Client(url);
    await client.connect();
    try {
      let rows: Record<string, unknown>[] = [];
      for (const text of texts) rows = (await client.query<Record<string, unknown>>(text)).rows;
      return rows;
    } finally {
      await client.end();
    }
  }

  it("fences a process whose slot another has claimed, gives claims and tickets out once, and lets both write", async () => {
    const writer = new Writer(server.url);
    expect(await writer.ask("claim")).toEqual(["1"]);
    expect(await writer.ask("append 1 3 1", 3)).toEqual(["1", "2", "3"]);
    expect(await log.claim(1, "parent")).toBe(2);
    expect(await writer.ask("append 4 2 1", 2)).toEqual(["fenced", "fenced"]);
    expect(await log.append({ channel: "C1", slot: 1, fence: 2, entries: [messageEntry(4)] })).toEqual({ ok: true });
    const fences = await Promise.all([writer.ask("claim"), log.claim(1, "parent"), log.claim(1, "parent")]);
    expect(fences.flat().map(Number).toSorted()).toEqual([3, 4, 5]);
    const fence = Number(await writer.ask("claim"));
    expect(await log.claim(2, "parent")).toBe(1);
    const theirs = writer.ask(`append 5 300 ${fence}`, 300);
    const ours = Promise.all(Array.from({ length: 300 }, (_, i) => log.append({ channel: "C2", slot: 2, fence: 1, entries: [messageEntry(i + 1)] })));
    expect((await ours).every(({ ok }) => ok)).toBe(true);
    expect(await theirs).toEqual(Array.from({ length: 300 }, (_, i) => String(i + 5)));
    const directory = openPgDirectory(server.url, 4);
    const { put, taken } = await raceForTickets(directory, server.url, 60);
    expect(taken).toEqual(put);
    await directory.close();
  });

  it("keeps everything that was acked when its client is killed in the midst", async () => {
    for (let round = 1; round <= 2; round++) {
      const { head } = await log.head("C1");
      const writer = new Writer(server.url, { bytes: 2_000 });
      const [fence] = await writer.ask("claim");
      await writer.ask(`flood ${head + 1} ${fence}`, 300);
      await writer.kill();
      const acked = writer.lines.slice(1).map(Number);
      const next = await log.claim(1, "parent");
      const entries = await all(log);
      expect(entries.map(({ offset }) => offset)).toEqual(Array.from({ length: entries.length }, (_, i) => i + 1));
      for (const offset of acked) expect(entries[offset - 1]).toMatchObject({ offset, key: `k${offset}` });
      expect(await log.append({ channel: "C1", slot: 1, fence: next, entries: [messageEntry(entries.length + 1)] })).toEqual({ ok: true });
    }
  });

  it("holds nobody up while a client is stopped in the midst", async () => {
    for (let round = 1; round <= 4; round++) {
      const { head } = await log.head("C1");
      const writer = new Writer(server.url);
      const [fence] = await writer.ask("claim");
      await writer.ask(`flood ${head + 1} ${fence}`, 100);
      writer.signal("SIGSTOP");
      // A lock that it held would be waited for until the statement's time is up, and then refused.
      const next = await log.claim(1, "parent");
      const at = (await log.head("C1")).head + 1;
      expect(await log.append({ channel: "C1", slot: 1, fence: next, entries: [messageEntry(at)] })).toEqual({ ok: true });
      const told = writer.lines.length;
      writer.signal("SIGCONT");
      await until("the one that wakes up to be fenced", () => writer.lines.slice(told).includes("fenced"));
      expect(writer.lines.slice(1).filter((line) => line !== "fenced").map(Number).every((offset) => offset < at)).toBe(true);
      await writer.kill();
    }
  });

  it("answers StoreUnavailable while the server is away, loses nothing that was acked, and goes on by itself", async () => {
    const fence = await log.claim(1, "cs-0");
    const acked: number[] = [];
    let unavailable = 0;
    let asked = 0;
    let stopped = false;
    const flood = (async () => {
      while (!stopped) {
        const from = (await log.head("C1").catch(() => undefined))?.head;
        if (from === undefined) {
          unavailable++;
          await new Promise((done) => setTimeout(done, 5));
          continue;
        }
        // Keys are new each time: one that was given up may be kept all the same.
        for (let next = from + 1, good = true; good && !stopped; next += 16) {
          const batch = Array.from({ length: 16 }, async (_, i) => {
            const result = await log.append({ channel: "C1", slot: 1, fence, entries: [messageEntry(next + i, `key-${asked++}`)] }).catch((error: Error) => error.name);
            if (typeof result === "string") {
              expect(result).toBe("StoreUnavailable");
              unavailable++;
              good = false;
            } else if (result.ok) acked.push(next + i);
            else {
              expect(result.reason).toBe("conflict");
              good = false;
            }
          });
          await Promise.all(batch);
        }
      }
    })();
    for (let round = 1; round <= 2; round++) {
      const before = acked.length;
      await until("appends", () => acked.length >= before + 200);
      await server.kill();
      const failed = unavailable;
      await until("refusals", () => unavailable > failed + 20);
      expect(await log.claim(2, "cs-0").catch((error: Error) => error.name)).toBe("StoreUnavailable");
      await server.start();
    }
    const before = acked.length;
    await until("appends again", () => acked.length >= before + 200);
    stopped = true;
    await flood;
    const entries = await all(log);
    expect(entries.map(({ offset }) => offset)).toEqual(Array.from({ length: entries.length }, (_, i) => i + 1));
    expect(new Set(entries.map(({ key }) => key)).size).toBe(entries.length);
    expect(acked.filter((offset) => entries[offset - 1] === undefined)).toEqual([]);
    expect(new Set(acked).size).toBe(acked.length);
  });

  it("connects again when its connections are ended, and never has more than it may", async () => {
    // By a name of its own: connections of before may still be going away.
    const counted = openPgLog(`${server.url}?application_name=counted`, 8);
    await counted.claim(1, "cs-0");
    const open = async (): Promise<unknown> => (await ask(server.url, "select count(*)::int as open from pg_stat_activity where application_name = 'counted'"))[0]!["open"];
    const reads = Promise.all(Array.from({ length: 150 }, () => counted.head("C1")));
    const writes = Promise.all(Array.from({ length: 150 }, (_, i) => counted.append({ channel: `C${i}`, slot: i % 5, fence: i % 5 === 1 ? 1 : 0, entries: [messageEntry(1)] })));
    expect(await open()).toBeLessThanOrEqual(8);
    await reads;
    expect((await writes).every(({ ok }) => ok)).toBe(true);
    expect(await open()).toBeLessThanOrEqual(8);
    expect(await open()).toBeGreaterThan(4);
    await ask(server.url, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'counted'");
    await until("reads and writes to go on", async () => (await counted.head("C1")).head === 1 && (await counted.claim(1, "cs-0")) > 1);
    await counted.close();
  });

  it("makes its schema once, for a user with no more than a database, however many begin at once", async () => {
    const logs = Array.from({ length: 6 }, () => openPgLog(server.secretUrl, 4));
    const fences = await Promise.all(logs.map((one) => one.claim(1, "cs-0")));
    expect(fences.toSorted()).toEqual([1, 2, 3, 4, 5, 6]);
    await Promise.all(logs.map((one) => one.close()));
    expect(await ask(server.secretUrl, "select version from ringway.version")).toEqual([{ version: migrations.length }]);
  });

  it("brings an older schema up to date, keeps what is in it, and refuses a newer one", async () => {
    await log.claim(1, "cs-0");
    const client = new pg.Client(server.url);
    await client.connect();
    const session = { query: async (text: string, values: readonly unknown[] = []) => (await client.query<Record<string, unknown>>(text, [...values])).rows };
    await migrate(session, [...migrations, "alter table ringway.claims add column since int8 not null default 7", "create table ringway.more (x int)"]);
    expect(await session.query("select slot, since from ringway.claims")).toEqual([{ slot: 1, since: "7" }]);
    // What runs is not disturbed; what begins is refused.
    expect(await log.claim(1, "cs-0")).toBe(2);
    const newcomer = openPgLog(server.url, 4);
    const refused = `the database's schema has version ${migrations.length + 2}, this program knows ${migrations.length}: it needs a newer ringway`;
    await expect(newcomer.head("C1")).rejects.toMatchObject({ name: "StoreUnavailable", message: refused });
    const { code, err } = await ringway(["channel", "--id", "cs-0", "--listen", "127.0.0.1:0", "--ring-key", "0".repeat(32)], { RINGWAY_STORE: server.url });
    expect([code, err]).toEqual([1, `ringway channel: could not start: ${refused}\n`]);
    await session.query(`drop table ringway.more; alter table ringway.claims drop column since; update ringway.version set version = ${migrations.length}`);
    await client.end();
    expect((await newcomer.head("C1")).head).toBe(0);
    await newcomer.close();
  });

  it("commits to disk before it answers, also where the database is set up not to", async () => {
    await ask(server.url, "alter database postgres set synchronous_commit = off");
    const pool = new PgPool(new PgPlace(server.url), 1);
    expect(await pool.query({ name: "", text: "show synchronous_commit" }, [])).toEqual([{ synchronous_commit: "on" }]);
    await pool.close();
    await ask(server.url, "alter database postgres reset synchronous_commit");
  });

  it("says in one line that a password is wrong, and never which", async () => {
    const wrong = server.secretUrl.replace("sekret", "guessed");
    const line = `PostgreSQL at ${new URL(wrong).host}/ringway refuses the user ringway: password authentication failed for user "ringway"\n`;
    const runs = [
      { args: ["token", "list", "--store", wrong], code: 1, says: `ringway: ${line}` },
      { args: ["store", "copy", wrong, join(root, ".cache", "never")], code: 1, says: `ringway: ${line}` },
      { args: ["dev", "--data", join(root, ".cache", "never")], code: 1, says: `ringway: ${line}` },
      { args: ["channel", "--id", "cs-0", "--listen", "127.0.0.1:0", "--ring-key", "0".repeat(32)], code: 1, says: `ringway channel: could not start: ${line}` },
      { args: ["webapp", "--listen", "127.0.0.1:0"], code: 1, says: `ringway webapp: could not start: ${line}` },
    ];
    await Promise.all(runs.map(async ({ args, code, says }) => {
      const run = await ringway(args, args.includes("--store") ? {} : { RINGWAY_STORE: wrong });
      expect([run.code, run.err]).toEqual([code, says]);
      expect(run.out + run.err).not.toContain("guessed");
    }));
    const [good, none, nowhere] = await Promise.all([
      ringway(["token", "create", "--user", "eve", "--store", server.secretUrl]),
      // It leaves no connection open, which the server would keep for a minute, and this process with it.
      ringway(["token", "list", "--store", server.secretUrl.replace(":sekret", "")], { PGPASSFILE: "/nowhere" }),
      ringway(["token", "list", "--store", server.url.replace(/postgres$/, "nowhere")]),
    ]);
    expect(good).toMatchObject({ code: 0, out: expect.stringMatching(/^xoxp-/) as unknown });
    expect([none.code, none.err]).toEqual([1, `ringway: PostgreSQL at ${new URL(wrong).host}/ringway asks the user ringway for a password, and none was given\n`]);
    expect([nowhere.code, nowhere.err]).toEqual([1, `ringway: PostgreSQL at ${new URL(wrong).host}/nowhere: database "nowhere" does not exist\n`]);
  });

  /** Verbs that use a store, and how each of them begins its line where it can't. */
  const verbs: readonly (readonly [begins: string, ...args: string[]])[] = [
    ["ringway: ", "token", "list"],
    ["ringway: ", "dev", "--data", join(root, ".cache", "never")],
    ["ringway channel: could not start: ", "channel", "--id", "cs-0", "--listen", "127.0.0.1:0", "--ring-key", "0".repeat(32)],
    ["ringway webapp: could not start: ", "webapp", "--listen", "127.0.0.1:0"],
  ];

  it("ends all that needs a store by one line and code 1 where the database refuses: no rights, a URL that asks for what no store is, or can't be read", async () => {
    await server.ask("create role guest login password 'sekret'", "create database theirs");
    const host = new URL(server.url).host;
    const guest = `postgres://guest:sekret@${host}/theirs`;
    const refusals = [
      [guest, `PostgreSQL at ${host}/theirs: permission denied for database theirs`],
      [`${guest}?target_session_attrs=read-only`, "the URL of the PostgreSQL database asks for target_session_attrs=read-only: a store is written to, so it can be any, read-write, primary, or left out"],
      [`postgres://guest:sekret@${host},,/theirs`, "the URL of the PostgreSQL database can't be read"],
    ] as const;
    for (const [url, says] of refusals) {
      await Promise.all(verbs.map(async ([begins, ...args]) => {
        const { code, out, err } = await ringway(args, { RINGWAY_STORE: url });
        expect([args[0], code, err]).toEqual([args[0], 1, `${begins}${says}\n`]);
        expect(out).not.toContain("sekret");
      }));
    }
    await server.ask("drop database theirs with (force)", "drop role guest");
  }, 120_000);

  it("ends what is asked once where nobody answers; a server asks again, says so once, and goes on or is refused when somebody does", async () => {
    const late = await startPostgres();
    try {
      await late.ask("create database newer");
      const host = new URL(late.url).host;
      const urls = { right: late.secretUrl, newer: late.url.replace(/postgres$/, "newer") };
      const newer = openPgLog(urls.newer, 3);
      await newer.claimed(0).finally(() => newer.close());
      await askPostgres(urls.newer, `update ringway.version set version = ${migrations.length + 1}`);
      await late.halt("fast");
      const away = `PostgreSQL at ${host}/ringway does not answer: connect ECONNREFUSED ${host}`;
      await Promise.all(verbs.slice(0, 2).map(async ([begins, ...args]) => {
        const { code, err } = await ringway(args, { RINGWAY_STORE: urls.right });
        expect([args[0], code, err]).toEqual([args[0], 1, `${begins}${away}\n`]);
      }));
      const begin = ([, ...args]: readonly string[], url: string): { child: ChildProcess; said: () => string; ended: Promise<number | null> } => {
        const child = spawn(process.execPath, [join(root, "services", "main.ts"), ...args], { env: { ...process.env, RINGWAY_STORE: url }, stdio: ["ignore", "pipe", "pipe"] });
        let said = "";
        for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
        return { child, said: () => said, ended: new Promise((resolve) => child.once("close", resolve)) };
      };
      const [right, refused] = [begin(verbs[3]!, urls.right), begin(verbs[2]!, urls.newer)];
      const isAway = '"msg":"the store is not there; it is asked again until it is"';
      await until("both to say so", () => [right, refused].every(({ said }) => said().includes(isAway)), 30_000);
      await late.start();
      expect(await refused.ended).toBe(1);
      expect(refused.said()).toContain(`ringway channel: could not start: the database's schema has version ${migrations.length + 1}, this program knows ${migrations.length}: it needs a newer ringway\n`);
      await until("the other to go on", () => right.said().includes('"msg":"the store is there"'), 30_000);
      // Once for each reason: that the server starts is another one.
      const reasons = right.said().split("\n").filter((line) => line.includes(isAway)).map((line) => (JSON.parse(line) as { why: string }).why);
      expect(reasons[0]).toBe(away);
      expect(new Set(reasons).size).toBe(reasons.length);
      right.child.kill("SIGTERM");
      expect(await right.ended).toBe(0);
      expect(right.said() + refused.said()).not.toContain("sekret");
    } finally {
      await late.stop();
    }
  }, 120_000);
});
