/** A real PostgreSQL server of a test's own: its binaries (Debian: package postgresql), a fresh folder, a free port. */
import { execFile, execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { appendFile, chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { Connection, type Row } from "../../services/store/pg-client.ts";
import { openPgLog } from "../../services/store/pg-log.ts";
import { freePorts } from "../e2e/ports.ts";
import { until } from "../e2e/wait.ts";

/** A server that runs, a primary or a standby. */
export interface PostgresServer {
  /** of an empty database, for a user who needs no password */
  readonly url: string;
  /** of another one, whose owner has the password `sekret` and no rights but over it */
  readonly secretUrl: string;
  /** Runs statements as the superuser. @returns rows of the last one */
  ask(...texts: string[]): Promise<Row[]>;
  /** the database as it was first, quickly */
  empty(): Promise<void>;
  /** Starts a streaming replica of it, which its commits wait for: they are on both disks when they are answered. @param port a free one, where it is left out */
  standby(port?: number): Promise<PostgresServer>;
  /** Makes a primary of a standby. */
  promote(): Promise<void>;
  /** `kill -9` of the server; its back ends end by themselves */
  kill(): Promise<void>;
  /** `pg_ctl stop`: fast ends connections and sessions, immediate is a crash */
  halt(mode: "fast" | "immediate"): Promise<void>;
  /** Starts it again on the same folder and port. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Where the binaries are; undefined: nowhere. */
export function findPostgres(): string | undefined {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)).map((version) => join(debian, version, "bin")) : [];
  const folders = [process.env["PG_BIN"] ?? "", ...versions, ...(process.env["PATH"] ?? "").split(delimiter)];
  return folders.find((folder) => folder !== "" && existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres")));
}

/**
 * Whether tests that need a server can run. Where they can't it says so, and in CI it is an error.
 * @throws Error in CI, where a missing server must not pass for a tested engine
 */
export function havePostgres(): boolean {
  if (findPostgres() !== undefined) return true;
  const missing = "PostgreSQL's binaries are missing (Debian: apt-get install postgresql; elsewhere set PG_BIN to their folder)";
  if (process.env["CI"] === "true") throw new Error(missing);
  console.log(`Not tested: ${missing}`);
  return false;
}

/** The server refuses to be root; where we are, it is its own user. */
function asServer(): { readonly prefix: readonly string[]; readonly uid: number | undefined; readonly gid: number | undefined } {
  const leash = ["--pdeathsig", "INT", "--"];
  if (process.getuid?.() !== 0) return { prefix: existsSync("/usr/bin/setpriv") ? ["setpriv", ...leash] : [], uid: undefined, gid: undefined };
  const idOf = (option: string): number => Number(execFileSync("id", [option, "postgres"], { encoding: "utf8" }));
  const [uid, gid] = [idOf("-u"), idOf("-g")];
  return { prefix: ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", ...leash], uid, gid };
}

/** A test's statements take what time they need. */
const patientMs = 60_000;

/** Runs statements at a server, whatever it is. @returns rows of the last one */
export async function askPostgres(url: string, ...texts: string[]): Promise<Row[]> {
  const connection = await Connection.open(url);
  try {
    let rows: Row[] = [];
    for (const text of ["set statement_timeout = 0", ...texts]) rows = await connection.query(text, [], patientMs);
    return rows;
  } finally {
    await connection.end();
  }
}

interface Options {
  /** a free one, where it is left out */
  readonly port?: number;
  /** that it takes at once */
  readonly connections?: number;
}

/** @throws Error where the binaries are missing or it does not start */
export async function startPostgres({ port, connections = 60 }: Options = {}): Promise<PostgresServer> {
  const files = await Folder.make();
  await files.run("initdb", "-D", files.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync");
  await writeFile(join(files.data, "pg_hba.conf"), "host all ringway 127.0.0.1/32 scram-sha-256\nhost all,replication all 127.0.0.1/32 trust\n");
  const server = await serve(files, port ?? (await freePorts(1)), connections);
  await server.ask("create role ringway login password 'sekret'", "create database ringway owner ringway");
  const log = openPgLog(server.url, 2);
  await log.claimed(0).finally(() => log.close());
  return server;
}

/** The folder of one server, and programs that are run there as its user. */
class Folder {
  readonly path: string;
  readonly #bin: string;
  readonly #prefix: readonly string[];

  private constructor(path: string, bin: string, prefix: readonly string[]) {
    this.path = path;
    this.#bin = bin;
    this.#prefix = prefix;
  }

  static async make(): Promise<Folder> {
    const bin = findPostgres();
    if (bin === undefined) throw new Error("PostgreSQL's binaries are missing");
    const { prefix, uid, gid } = asServer();
    const path = await mkdtemp(join(tmpdir(), "ringway-pg-"));
    if (uid !== undefined) await chown(path, uid, gid!);
    return new Folder(path, bin, prefix);
  }

  get data(): string {
    return join(this.path, "data");
  }

  async run(program: string, ...args: string[]): Promise<void> {
    const [command, ...rest] = this.#commandOf(program, args);
    await promisify(execFile)(command, rest, { cwd: this.path });
  }

  spawn(program: string, ...args: string[]): ChildProcess {
    const [command, ...rest] = this.#commandOf(program, args);
    return spawn(command, rest, { cwd: this.path, stdio: ["ignore", "ignore", "pipe"] });
  }

  #commandOf(program: string, args: readonly string[]): [string, ...string[]] {
    return [...this.#prefix, join(this.#bin, program), ...args] as [string, ...string[]];
  }
}

async function serve(files: Folder, port: number, connections: number): Promise<PostgresServer> {
  const options = { port, listen_addresses: "127.0.0.1", unix_socket_directories: "", max_connections: connections, shared_buffers: "32MB", log_min_messages: "fatal", wal_retrieve_retry_interval: "200ms" };
  const args = Object.entries(options).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const ask = (...texts: string[]): Promise<Row[]> => askPostgres(url, ...texts);

  let server: ChildProcess | undefined;
  let said = "";
  const isRunning = (): boolean => server !== undefined && server.exitCode === null && server.signalCode === null;
  const start = async (): Promise<void> => {
    await until("PostgreSQL to start", async () => {
      // One that was killed leaves back ends for a moment, and none starts beside them.
      if (!isRunning()) {
        server = files.spawn("postgres", "-D", files.data, ...args);
        server.stderr!.on("data", (chunk: Buffer) => (said += chunk.toString()));
      }
      return ask("select 1").then(() => true, () => false);
    }, 30_000).catch((error: unknown) => {
      throw new Error(`PostgreSQL did not start: ${said}`, { cause: error });
    });
  };
  const end = async (how: (running: ChildProcess) => unknown): Promise<void> => {
    const running = server;
    if (running === undefined || !isRunning()) return;
    const gone = new Promise((resolve) => running.once("close", resolve));
    await how(running);
    await gone;
  };

  await start();
  return {
    url,
    secretUrl: `postgres://ringway:sekret@127.0.0.1:${port}/ringway`,
    ask,
    async empty() {
      const tables = ["claims", "heads", "entries", "messages", "users", "tokens", "channels", "members", "unsettled", "last_reads", "tickets", "copies"];
      await ask(...tables.map((table) => `delete from ringway.${table}`));
    },
    async standby(at) {
      const copy = await Folder.make();
      const primary = `host=127.0.0.1 port=${port} user=postgres`;
      // The slot keeps for it what it has not had yet.
      await copy.run("pg_basebackup", "-D", copy.data, "-d", primary, "--checkpoint=fast", "--create-slot", "--slot=standby", "--no-sync");
      await appendFile(join(copy.data, "postgresql.auto.conf"), `primary_conninfo = '${primary} application_name=standby'\nprimary_slot_name = 'standby'\n`);
      await writeFile(join(copy.data, "standby.signal"), "");
      const standby = await serve(copy, at ?? (await freePorts(1)), connections);
      await ask("alter system set synchronous_standby_names = 'standby'", "select pg_reload_conf()");
      await until("the standby to be waited for", async () => (await ask("select sync_state from pg_stat_replication"))[0]?.["sync_state"] === "sync");
      return standby;
    },
    promote: () => files.run("pg_ctl", "promote", "-w", "-D", files.data),
    kill: () => end((running) => running.kill("SIGKILL")),
    halt: (mode) => end(() => files.run("pg_ctl", "stop", "-D", files.data, "-m", mode)),
    start,
    async stop() {
      await end((running) => running.kill("SIGINT"));
      await rm(files.path, { recursive: true, force: true });
    },
  };
}
