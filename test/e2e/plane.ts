/** A whole plane for a test: what `npm start` runs, with ports and data of its own, and means to hurt it. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll } from "vitest";
import type { PlaneFile } from "../../services/launch/plane.ts";
import { ask } from "../../services/runtime/request.ts";
import { urlOf } from "../../services/runtime/tls.ts";
import type { StoreConfig } from "../../services/store/open.ts";
import { Consul } from "../engines/consul.ts";
import { askPostgres } from "../engines/postgres.ts";
import { freePorts, isServed } from "./ports.ts";
import { until } from "./wait.ts";

export const root = fileURLToPath(new URL("../../", import.meta.url));

export interface PlaneOptions {
  readonly store?: "lmdb" | "memory";
  readonly channels?: number;
  readonly gateways?: number;
  readonly presences?: number;
  /** default: a fresh folder, removed by `stop` */
  readonly data?: string;
  /** default: the first of a free block */
  readonly port?: number;
  /** a folder of certificates for everybody; who asks its inside takes an identity */
  readonly tls?: string;
  /** a Consul that outlives it; default: charm's own registry, or a Consul of its own (RINGWAY_TEST_CONSUL) */
  readonly registry?: Consul;
  /** for the launcher, and through it for every process */
  readonly env?: Readonly<Record<string, string>>;
}

/** Ports a plane may take from its edge port on. */
const portBlock = 40;
const startMs = 90_000;
/** util-linux, on any Debian */
const setpriv = "/usr/bin/setpriv";

/** `ringway dev` as a child process, whatever becomes of it. */
export class Launcher {
  readonly process: ChildProcess;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  stdout = "";
  stderr = "";

  /** @param program what is started: the launcher itself, or `npm start` */
  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}, program: readonly string[] = [process.execPath, join(root, "services", "main.ts"), "dev"]) {
    // A test runner that dies must not leave planes behind, however it dies.
    const leash = existsSync(setpriv) ? [setpriv, "--pdeathsig", "TERM", "--"] : [];
    const [command, ...rest] = [...leash, ...program, ...args] as [string, ...string[]];
    this.process = spawn(command, rest, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.process.stdout!.on("data", (chunk: Buffer) => (this.stdout += chunk.toString("utf8")));
    this.process.stderr!.on("data", (chunk: Buffer) => (this.stderr += chunk.toString("utf8")));
    this.exited = new Promise((resolve) => {
      this.process.once("close", (code, signal) => resolve({ code, signal }));
    });
  }

  get running(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  /** Waits for `Ringway is up`. */
  async up(): Promise<string> {
    const match = await until("the line 'Ringway is up'", () => {
      if (!this.running) return "gone";
      return /^Ringway is up: (\S+)$/m.exec(this.stdout)?.[1];
    }, startMs);
    if (match === "gone") throw new Error(`the plane ended while it started\n${this.stdout}\n${this.stderr}`);
    return match;
  }
}

/** `RINGWAY_TEST_CONSUL`, which `npm run test:consul` sets, is the Consul that planes get, each one of its own, in the place of charm's registry. */
const consulBin = process.env["RINGWAY_TEST_CONSUL"];

/** `RINGWAY_TEST_POSTGRES`, which `npm run test:postgres` sets, is a server at which each plane that names no store of its own gets a database. */
const postgres = process.env["RINGWAY_TEST_POSTGRES"];

/** The database that belongs to a plane's folder: made when it is first asked for. @returns its URL */
async function databaseOf(server: string, data: string): Promise<string> {
  const [there] = await askPostgres(server, `select from pg_database where datname = '${nameOf(data)}'`);
  if (there === undefined) await askPostgres(server, `create database ${nameOf(data)}`);
  return Object.assign(new URL(server), { pathname: `/${nameOf(data)}` }).href;
}

function nameOf(data: string): string {
  return `plane_${Buffer.from(basename(data)).toString("hex")}`;
}

export class TestPlane {
  readonly launcher: Launcher;
  readonly data: string;
  readonly #keepData: boolean;
  readonly url: string;
  readonly mesh: string;
  readonly charm: string;
  /** URL of Consul's API: charm's own, or a real one */
  readonly registry: string;
  /** where its services keep things, for one who looks */
  readonly store: StoreConfig;
  readonly #consul: Consul | undefined;
  #last: PlaneFile;
  #stopped = false;

  constructor(launcher: Launcher, data: string, keepData: boolean, file: PlaneFile, registryUrl: string | undefined, consul: Consul | undefined, store: string) {
    this.launcher = launcher;
    this.data = data;
    this.#keepData = keepData;
    this.#last = file;
    this.url = file.url;
    this.mesh = file.mesh;
    this.charm = file.charm;
    this.registry = registryUrl ?? file.charm;
    this.store = { store, data: join(data, "store"), storeConnections: 3 };
    this.#consul = consul;
  }

  /** plane.json as it is now. */
  async file(): Promise<PlaneFile> {
    return (this.#last = await readPlaneFile(this.data));
  }

  async pidOf(name: string): Promise<number> {
    const pid = (await this.file()).processes.find((process) => process.name === name)?.pid;
    if (pid === undefined || pid === null) throw new Error(`${name} has no PID now`);
    return pid;
  }

  /** Name → PID of all processes. */
  async pids(): Promise<Record<string, number | null>> {
    return Object.fromEntries((await this.file()).processes.map(({ name, pid }) => [name, pid]));
  }

  /** ip:port of a process. */
  addressOf(name: string): string {
    const found = this.#last.processes.find((process) => process.name === name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found.address;
  }

  /** Names of the processes with a role. */
  named(role: string): string[] {
    return this.#last.processes.filter((process) => process.role === role).map((process) => process.name);
  }

  /** @returns the PID that was hit */
  async kill(name: string, signal: NodeJS.Signals = "SIGKILL"): Promise<number> {
    const pid = await this.pidOf(name);
    process.kill(pid, signal);
    return pid;
  }

  /** Waits until the launcher has started `name` anew and it answers as ready. @returns the new PID */
  async restarted(name: string, oldPid: number): Promise<number> {
    const pid = await until(`a new ${name}`, async () => {
      const now = (await this.pids())[name];
      return now !== null && now !== oldPid ? now : undefined;
    });
    await until(`${name} to be ready`, async () => (await ask(`${urlOf(this.addressOf(name))}/readyz`)).status === 200);
    return pid;
  }

  /** The last lines of every process's log, for a failed test. */
  async logs(lines = 40): Promise<string> {
    return tailLogs(this.data, lines);
  }

  /** All of one process's log. */
  log(name: string): Promise<string> {
    return readFile(join(this.data, "logs", `${name}.log`), "utf8");
  }

  /** Ends it as a person would, and makes sure that nothing is left. @throws Error naming what is */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    const { processes } = await this.file().catch(() => this.#last);
    const deadline = setTimeout(() => this.launcher.process.kill("SIGKILL"), 40_000);
    this.launcher.process.kill(signal);
    const { code, signal: by } = await this.launcher.exited;
    clearTimeout(deadline);
    await this.#consul?.kill();
    const left: string[] = [];
    if (code !== 0) left.push(`the launcher ended with ${by ?? code}: ${this.launcher.stderr}`);
    for (const { name, pid, address } of processes) {
      if (pid !== null && isAlive(pid)) left.push(`${name} (${pid}) still runs`);
      if (await isServed(address)) left.push(`${name}'s ${address} is still served`);
    }
    if (existsSync(join(this.data, "plane.json"))) left.push("plane.json is still there");
    if (left.length > 0) throw new Error(`the plane did not end cleanly: ${left.join("; ")}\n${await this.logs()}`);
    if (this.#keepData) return;
    if (postgres !== undefined) await askPostgres(postgres, `drop database if exists ${nameOf(this.data)} with (force)`);
    await rm(this.data, { recursive: true, force: true });
  }
}

/** @throws Error with the launcher's output where it does not come up */
export async function startPlane(options: PlaneOptions = {}): Promise<TestPlane> {
  for (const file of ["ring.wasm", "filter.wasm"]) {
    if (!existsSync(join(root, "build", file))) throw new Error(`build/${file} is missing: run 'npm run build' first`);
  }
  const data = options.data ?? (await freshFolder());
  const port = options.port ?? (await freePorts(portBlock));
  const { env, registry: given, ...flags } = options;
  const own = given === undefined && consulBin !== undefined ? await Consul.dev(consulBin) : undefined;
  const consul = given ?? own;
  const store = options.store ?? env?.["RINGWAY_STORE"] ?? (postgres === undefined ? "lmdb" : await databaseOf(postgres, data));
  const launcher = new Launcher(planeArgs({ ...flags, data, port }), { ...env, ...(consul === undefined ? {} : { RINGWAY_CONSUL_URL: consul.url }), ...(options.store === undefined ? { RINGWAY_STORE: store } : {}) });
  try {
    await launcher.up();
  } catch (error) {
    const logs = await tailLogs(data, 20);
    launcher.process.kill("SIGTERM");
    await launcher.exited;
    await own?.kill();
    if (options.data === undefined) await rm(data, { recursive: true, force: true });
    throw new Error(`the plane did not come up: ${(error as Error).message}\n${launcher.stdout}${launcher.stderr}\n${logs}`, { cause: error });
  }
  return new TestPlane(launcher, data, options.data !== undefined, await readPlaneFile(data), consul?.url, own, store);
}

/** One plane for all tests of a file; its logs are shown with each failed test. */
export function usePlane(options: PlaneOptions = {}): () => TestPlane {
  let plane: TestPlane | undefined;
  beforeAll(async () => {
    plane = await startPlane(options);
  }, startMs + 10_000);
  afterEach(async ({ task }) => {
    if (task.result?.state === "fail" && plane !== undefined) process.stderr.write(`--- logs of the plane after: ${task.name}\n${await plane.logs()}\n`);
  });
  afterAll(async () => plane?.stop());
  return () => plane!;
}

/** Command line of a plane. */
export function planeArgs(options: Omit<PlaneOptions, "env" | "registry"> & { readonly data: string; readonly port: number }): string[] {
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
}

export function freshFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "ringway-e2e-"));
}

export async function readPlaneFile(data: string): Promise<PlaneFile> {
  return JSON.parse(await readFile(join(data, "plane.json"), "utf8")) as PlaneFile;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function tailLogs(data: string, lines: number): Promise<string> {
  const folder = join(data, "logs");
  const names = await readdir(folder).catch(() => []);
  const tails = await Promise.all(names.map(async (name) => `== ${name}\n${(await readFile(join(folder, name), "utf8")).split("\n").slice(-lines).join("\n")}`));
  return tails.join("\n");
}
