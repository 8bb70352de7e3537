/** A real PostgreSQL server of a test's own: its binaries (Debian: package postgresql), a fresh folder, a free port. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { PgPlace } from "../../services/store/pg-place.ts";
import { PgPool } from "../../services/store/pg-pool.ts";
import { freePorts } from "../e2e/ports.ts";
import { until } from "../e2e/wait.ts";

export interface PostgresServer {
  /** of an empty database, for a user who needs no password */
  readonly url: string;
  /** of another one, whose owner has the password `sekret` and no rights but over it */
  readonly secretUrl: string;
  /** the database as it was first, quickly */
  empty(): Promise<void>;
  /** `kill -9` of the server; its back ends end by themselves */
  kill(): Promise<void>;
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

/** @throws Error where the binaries are missing or it does not start */
export async function startPostgres(): Promise<PostgresServer> {
  const bin = findPostgres();
  if (bin === undefined) throw new Error("PostgreSQL's binaries are missing");
  const { prefix, uid, gid } = asServer();
  const folder = await mkdtemp(join(tmpdir(), "ringway-pg-"));
  if (uid !== undefined) await chown(folder, uid, gid!);
  const data = join(folder, "data");
  const run = ([command, ...args]: readonly string[]): void => void execFileSync(command!, args, { cwd: folder, stdio: "pipe" });
  run([...prefix, join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]);
  const port = await freePorts(1);
  await writeFile(join(data, "pg_hba.conf"), "host all ringway 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n");
  const options = { port, listen_addresses: "127.0.0.1", unix_socket_directories: "", max_connections: 60, shared_buffers: "32MB", log_min_messages: "fatal" };
  const args = Object.entries(options).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;

  let server: ChildProcess | undefined;
  let said = "";
  const ask = async (...texts: string[]): Promise<void> => {
    const pool = new PgPool(new PgPlace(url), 1);
    try {
      for (const text of texts) await pool.query({ name: "", text }, []);
    } finally {
      await pool.close();
    }
  };
  const launch = async (): Promise<void> => {
    await until("PostgreSQL to start", async () => {
      // One that was killed leaves back ends for a moment, and none starts beside them.
      if (server === undefined || server.exitCode !== null || server.signalCode !== null) {
        const [command, ...rest] = [...prefix, join(bin, "postgres"), "-D", data, ...args] as [string, ...string[]];
        server = spawn(command, rest, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
        server.stderr!.on("data", (chunk: Buffer) => (said += chunk.toString()));
      }
      return ask("select 1").then(() => true, () => false);
    }, 30_000).catch((error: unknown) => {
      throw new Error(`PostgreSQL did not start: ${said}`, { cause: error });
    });
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const running = server;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const gone = new Promise((resolve) => running.once("close", resolve));
    running.kill(signal);
    await gone;
  };

  await launch();
  await ask("create role ringway login password 'sekret'", "create database ringway owner ringway");
  return {
    url,
    secretUrl: `postgres://ringway:sekret@127.0.0.1:${port}/ringway`,
    async empty() {
      const tables = ["claims", "heads", "entries", "messages", "users", "tokens", "channels", "members", "unsettled", "last_reads", "tickets", "copies"];
      await ask(...tables.map((table) => `delete from ringway.${table}`));
    },
    kill: () => end("SIGKILL"),
    start: launch,
    async stop() {
      await end("SIGINT");
      await rm(folder, { recursive: true, force: true });
    },
  };
}
