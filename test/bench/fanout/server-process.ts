/** A server under test: a process on core 0, ended by its PID. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onCore } from "../pin.ts";

const startMs = 60_000;

/** Where the profiles of Node servers go, with `--profile`. */
const profiled = (): string | undefined => process.env["RINGWAY_BENCH_PROFILE_DIR"];

/** Where util-linux is (any Debian), a server ends with the bench, however that ends. */
const setpriv = "/usr/bin/setpriv";
const leash = existsSync(setpriv) ? [setpriv, "--pdeathsig", "KILL", "--"] : [];

export class ServerProcess {
  readonly name: string;
  /** whether SIGUSR2 makes it collect its garbage */
  readonly collects: boolean;
  readonly #child: ChildProcess;

  private constructor(name: string, child: ChildProcess, collects: boolean) {
    this.name = name;
    this.#child = child;
    this.collects = collects;
  }

  static command(name: string, command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ServerProcess {
    return ServerProcess.#spawn(name, command, args, env, false);
  }

  static node(name: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ServerProcess {
    const preload = (file: string): string[] => ["--import", new URL(file, import.meta.url).href];
    const profileDir = profiled();
    const profile = profileDir === undefined ? [] : preload("profile-server.ts");
    const into = profileDir === undefined ? {} : { RINGWAY_BENCH_PROFILE: join(profileDir, name) };
    return ServerProcess.#spawn(name, process.execPath, ["--expose-gc", ...preload("collect.ts"), ...profile, ...args], { ...env, ...into }, true);
  }

  static #spawn(name: string, command: string, args: readonly string[], env: Readonly<Record<string, string>>, collects: boolean): ServerProcess {
    const [pinned, inner] = onCore(0, command, args);
    const [first, ...rest] = [...leash, pinned, ...inner] as [string, ...string[]];
    return new ServerProcess(name, spawn(first, rest, { stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, ...env } }), collects);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Waits until `holds`; rejects when the process ends meanwhile. */
  async until(holds: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + startMs;
    while (!(await holds().catch(() => false))) {
      if (!this.isRunning) throw new Error(`${this.name} ended while it started`);
      if (Date.now() > deadline) throw new Error(`${this.name} was not ready within ${startMs / 1_000} s`);
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  /** Waits until somebody listens at this port. */
  listens(port: number): Promise<void> {
    return this.until(() => new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true));
      socket.on("error", () => resolve(false)).on("close", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    }));
  }

  async stop(): Promise<void> {
    if (!this.isRunning) return;
    this.#child.kill(this.collects && profiled() !== undefined ? "SIGTERM" : "SIGKILL");
    await once(this.#child, "exit");
  }
}

/** A file of this folder. */
export const fileHere = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
