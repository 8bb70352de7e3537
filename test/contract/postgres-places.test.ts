/** A store on one of several PostgreSQL servers: which one is taken, when another one is, and what is true meanwhile. */
import { createServer, type AddressInfo, type Socket } from "node:net";
import { afterEach, describe, expect, it, test } from "vitest";
import { StoreUnavailable } from "../../services/store/log.ts";
import { openPool } from "../../services/store/pg-client.ts";
import { openPgDirectory } from "../../services/store/pg-directory.ts";
import { hostsOf } from "../../services/store/pg-hosts.ts";
import { openPgLog } from "../../services/store/pg-log.ts";
import { PgPlace, placeOf } from "../../services/store/pg-place.ts";
import { freePorts } from "../e2e/ports.ts";
import { until } from "../e2e/wait.ts";
import { havePostgres, startPostgres, type PostgresServer } from "../engines/postgres.ts";
import { messageEntry } from "./log-entry.ts";

test("a URL's hosts are read as libpq reads them, and a bad one is refused without being shown", () => {
  expect(hostsOf("postgres://u:p@one:1/db?sslmode=require")).toEqual(["postgres://u:p@one:1/db?sslmode=require"]);
  expect(hostsOf("postgres:///db?host=/run/postgresql")).toEqual(["postgres:///db?host=/run/postgresql"]);
  expect(hostsOf("postgresql://u:p@one:1,two,[::1]:3/db?target_session_attrs=read-write")).toEqual(
    ["one:1", "two", "[::1]:3"].map((host) => `postgresql://u:p@${host}/db?target_session_attrs=read-write`),
  );
  expect(placeOf("postgres://u:sekret@one:1,two,[::1]:3/db")).toEqual({ place: "PostgreSQL at one:1,two:5432,[::1]:3/db", user: "u" });
  const refused = "the URL of the PostgreSQL database can't be read";
  for (const url of ["postgres://u:sekret@one,,two/db", "postgres://u:sekret@one:1,two:x/db", "postgres:/db", "postgres://u:/sekret@one/db", "postgres://u:5/sek/ret@one,two/db"]) expect(() => placeOf(url)).toThrow(refused);
  expect(() => placeOf("postgres://u:sekret@one/db?target_session_attrs=standby")).toThrow(/^the URL of the PostgreSQL database asks for target_session_attrs=standby: a store is written to/);
});

describe("a server that", () => {
  const closers: (() => void)[] = [];
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });
  /** Listens, and never closes a connection. @param answers to what comes first, second … on each connection @returns its host and port */
  async function serve(...answers: readonly Buffer[]): Promise<string> {
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      let asked = 0;
      socket.on("error", () => undefined).on("data", () => socket.write(answers[asked++] ?? ""));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closers.push(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  function message(type: string, body: Buffer): Buffer {
    const length = Buffer.alloc(4);
    length.writeInt32BE(body.length + 4);
    return Buffer.concat([Buffer.from(type), length, body]);
  }
  const welcome = message("R", Buffer.alloc(4));
  const ready = message("Z", Buffer.from("I"));
  const refusal = (severity: string, code: string, text: string): Buffer => message("E", Buffer.from(`S${severity}\0C${code}\0M${text}\0\0`));
  const urlOf = (...hosts: readonly string[]): string => `postgres://u@${hosts.join(",")}/db`;

  it("is shut down just when it has let a connection in ends no process", async () => {
    const host = await serve(Buffer.concat([welcome, ready, refusal("FATAL", "57P01", "terminating connection due to administrator command")]));
    await expect(new PgPlace(urlOf(host)).server(false)).rejects.toThrow(StoreUnavailable);
    const pool = openPool(urlOf(host), 1, () => undefined, () => undefined);
    await expect(pool.connect()).rejects.toThrow();
    await pool.end();
  });

  it("answers and then never closes the connection is not waited for", async () => {
    const host = await serve(Buffer.concat([welcome, ready]), Buffer.concat([refusal("ERROR", "42501", "no"), ready]));
    await expect(new PgPlace(urlOf(host)).server(false)).rejects.toThrow(`PostgreSQL at ${host}/db: no`);
    const pool = openPool(urlOf(host), 1, () => undefined, () => undefined);
    await expect(pool.connect()).rejects.toThrow("no");
    await pool.end();
  });

  it("refuses is no reason to give up while another one is only away", async () => {
    const strict = await serve(refusal("FATAL", "28000", "no pg_hba.conf entry"));
    const dead = `127.0.0.1:${await freePorts(1)}`;
    const refuses = `${strict} refuses the user u: no pg_hba.conf entry`;
    const nameOf = (error: Error): string => `${error.constructor.name}: ${error.message}`;
    expect(await new PgPlace(urlOf(strict, dead)).server(false).catch(nameOf)).toBe(`StoreUnavailable: none of PostgreSQL at ${strict},${dead}/db can be used: ${refuses}; ${dead} does not answer: connect ECONNREFUSED ${dead}`);
    expect(await new PgPlace(urlOf(strict, strict)).server(false).catch(nameOf)).toBe(`StoreRefused: none of PostgreSQL at ${strict},${strict}/db can be used: ${refuses}; ${refuses}`);
  });
});

const appendOf = (offset: number, fence: number, channel = "C1"): Parameters<ReturnType<typeof openPgLog>["append"]>[0] => ({ channel, slot: 1, fence, entries: [messageEntry(offset)] });

// Each starts two servers and waits for time-outs.
describe.runIf(havePostgres())("on several servers", { timeout: 150_000 }, () => {
  const servers: PostgresServer[] = [];
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
    for (const server of servers.splice(0)) await server.stop();
  });
  async function started(starting: Promise<PostgresServer>): Promise<PostgresServer> {
    const server = await starting;
    servers.push(server);
    return server;
  }
  const urlOf = (...list: readonly PostgresServer[]): string => `postgres://postgres@${list.map(({ url }) => new URL(url).host).join(",")}/postgres?target_session_attrs=read-write`;
  function logAt(url: string): ReturnType<typeof openPgLog> {
    const log = openPgLog(url, 4);
    closers.push(() => log.close());
    return log;
  }
  const nameOf = (error: Error): string => `${error.name}: ${error.message}`;

  it("takes the one that takes writes, wherever it stands, and says of each why it was not taken", async () => {
    const primary = await started(startPostgres());
    const standby = await started(primary.standby());
    const [host, other] = [primary, standby].map(({ url }) => new URL(url).host) as [string, string];
    const dead = `127.0.0.1:${await freePorts(1)}`;
    // A machine that is switched off.
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    closers.push(async () => void silent.close());
    const log = logAt(`postgres://postgres@127.0.0.1:${(silent.address() as AddressInfo).port},${dead},${other},${host}/postgres`);
    expect(await log.claim(1, "cs-0")).toBe(1);
    const none = logAt(`postgres://postgres@${dead},${other}/postgres`);
    expect(await none.claim(1, "cs-0").catch(nameOf)).toBe(
      `StoreUnavailable: none of PostgreSQL at ${dead},${other}/postgres can be used: ${dead} does not answer: connect ECONNREFUSED ${dead}; ${other} is a standby, which takes no writes`,
    );
    const alone = logAt(standby.url);
    expect(await alone.head("C1").catch(nameOf)).toBe(`StoreUnavailable: PostgreSQL at ${other}/postgres is a standby, which takes no writes`);
  });

  it("leaves one that has become read-only, with all of its connections, and comes back to it", async () => {
    const one = await started(startPostgres());
    const two = await started(startPostgres());
    const log = logAt(urlOf(one, two));
    expect([await log.claim(1, "cs-0"), await log.claim(1, "cs-0")]).toEqual([1, 2]);
    const read = async (server: PostgresServer, only: "on" | "off"): Promise<unknown> => server.ask(`alter system set default_transaction_read_only = ${only}`, "select pg_reload_conf()");
    await read(one, "on");
    const refusals: (string | number)[] = [];
    // The other one knows nothing of the first one's claims.
    const said = await until("a claim at the other one", async () => {
      const claimed = await log.claim(1, "cs-0").catch(nameOf);
      return claimed === 1 ? refusals : void refusals.push(claimed);
    });
    expect(said.filter((claimed) => typeof claimed === "string").at(-1)).toMatch(/^StoreUnavailable: .*read-only transaction$/);
    expect(await log.claimed(1)).toEqual({ fence: 1, owner: "cs-0" });
    expect(await one.ask("select from pg_stat_activity where application_name = 'ringway' and pid <> pg_backend_pid()")).toEqual([]);
    await read(one, "off");
    await two.halt("fast");
    await until("a claim at the first one", () => log.claim(1, "cs-0").then((fence) => fence === 3, () => false));
  });

  it("acks nothing while the standby that a commit waits for is away, reads go on, and then writes do, by themselves", async () => {
    const primary = await started(startPostgres());
    const standby = await started(primary.standby());
    const log = logAt(urlOf(primary, standby));
    const directory = openPgDirectory(urlOf(primary, standby), 4);
    closers.push(() => directory.close());
    expect(await directory.tokens()).toEqual([]);
    const fence = await log.claim(1, "cs-0");
    expect(await log.append(appendOf(1, fence))).toEqual({ ok: true });
    await standby.halt("fast");
    const refusals = await Promise.all([log.append(appendOf(2, fence)).catch(nameOf), directory.putToken({ hash: "ab", user: "U1", label: "", createdAt: 1 }).catch(nameOf)]);
    for (const refusal of refusals) expect(refusal).toMatch(/^StoreUnavailable: PostgreSQL at .* does not answer: Query read timeout$/);
    // Whoever asks again asks for a commit of nothing first.
    expect(await log.append(appendOf(2, fence)).catch(nameOf)).toMatch(/^StoreUnavailable: none of .* confirms no commit: it may wait for a synchronous standby that is away; .* does not answer/);
    expect((await log.head("C1")).head).toBe(1);
    expect(await directory.tokens()).toEqual([]);
    const waiting = "select from pg_stat_activity where wait_event = 'SyncRep'";
    await until("no more commits to wait than were given up", async () => (await primary.ask(waiting)).length === 2);
    await standby.start();
    await until("the writes that were given up to be there", async () => (await log.head("C1")).head === 2 && (await directory.tokens()).length === 1);
    await until("an append", () => log.append(appendOf(3, fence)).then(({ ok }) => ok, () => false));
    expect(await primary.ask(waiting)).toEqual([]);
  });

  const crashes: readonly [string, (primary: PostgresServer) => Promise<unknown>][] = [
    ["a crash", (primary) => primary.kill().then(() => primary.start())],
    // No connection is left whose breaking would tell of it.
    [
      "the crash of a single back end, which the postmaster outlives,",
      (primary) => until("a commit that waits", async () => (await primary.ask("select pid from pg_stat_activity where wait_event = 'SyncRep'"))[0]).then(({ pid }) => process.kill(pid as number, "SIGKILL")),
    ],
  ];
  it.each(crashes)("shows nothing after %s that the standby has not got", async (_, crash) => {
    const primary = await started(startPostgres());
    const standby = await started(primary.standby());
    const log = logAt(urlOf(primary, standby));
    const fence = await log.claim(1, "cs-0");
    await standby.halt("fast");
    expect(await log.append(appendOf(1, fence)).catch(nameOf)).toMatch(/^StoreUnavailable: /);
    await crash(primary);
    // It has been committed at the primary, and nobody has been told so: whoever looked for its key now would ack it.
    await until("the entry at the primary", async () => (await primary.ask("select from ringway.entries").catch(() => [])).length === 1);
    expect(await log.byKey("C1", messageEntry(1).key).catch(nameOf)).toMatch(/^StoreUnavailable: none of .* confirms no commit/);
    await standby.start();
    await until("the entry", () => log.byKey("C1", messageEntry(1).key).catch(() => undefined));
    expect(await standby.ask("select from ringway.entries")).toHaveLength(1);
  });

  it("goes to the standby that was promoted, and not back to what was the primary", async () => {
    const primary = await started(startPostgres());
    const standby = await started(primary.standby());
    const url = urlOf(primary, standby);
    const log = logAt(url);
    const fence = await log.claim(1, "cs-0");
    expect(await log.append(appendOf(1, fence))).toEqual({ ok: true });
    await primary.kill();
    await standby.promote();
    await until("an append", () => log.append(appendOf(2, fence)).then(({ ok }) => ok, () => false));
    await primary.start();
    const fresh = new PgPlace(url);
    expect((await fresh.server(false)).url).toContain(new URL(standby.url).host);
    // Nobody who takes it for the store can write there.
    const astray = logAt(primary.url);
    expect(await astray.claim(1, "cs-1").catch(nameOf)).toMatch(/^StoreUnavailable: .* confirms no commit/);
    // Not even where it waits for nobody any more.
    await primary.ask("alter system set synchronous_standby_names = ''", "select pg_reload_conf()");
    expect((await new PgPlace(url).server(false)).url).toContain(new URL(standby.url).host);
    await standby.halt("fast");
    await until("a refusal", () => log.append(appendOf(3, fence)).then(() => false, (error: Error) => /is what it was before another server was promoted \(timeline 1, the store has gone on to 2\)/.test(error.message)));
  });
});
