/** One process of the plane that is hurt: started, signalled and ended by its PID; nothing starts it again by itself. */
import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream, existsSync, type WriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import type { ChildSpec } from "../../services/launch/child.ts";
import { ask } from "../../services/runtime/request.ts";

/** util-linux, on any Debian: a process ends with the one that started it, however that one ends. */
const setpriv = "/usr/bin/setpriv";
export const leash: readonly string[] = existsSync(setpriv) ? [setpriv, "--pdeathsig", "KILL", "--"] : [];

export class Proc {
  readonly spec: ChildSpec;
  readonly #log: WriteStream;
  #process: ChildProcess | undefined;

  constructor(spec: ChildSpec) {
    this.spec = spec;
    this.#log = createWriteStream(spec.logFile, { flags: "a" });
  }

  get isRunning(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Whether it runs and says that it is ready. */
  async isReady(): Promise<boolean> {
    return this.isRunning && (await ask(`http://${this.spec.address}/readyz`, { timeoutMs: 1_000 })).status === 200;
  }

  /** The last lines of its log. */
  async tail(lines: number): Promise<string> {
    const text = await readFile(this.spec.logFile, "utf8").catch(() => "");
    return `== ${this.spec.name}\n${text.split("\n").slice(-lines).join("\n")}`;
  }

  /** @param args other ones than the spec's */
  start(args: readonly string[] = this.spec.args): void {
    if (this.isRunning) throw new Error(`${this.spec.name} runs already`);
    const [command, ...rest] = [...leash, this.spec.command, ...args] as [string, ...string[]];
    // A group of its own: Ctrl-C reaches the run alone, which then ends the processes in order.
    const child = spawn(command, rest, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...this.spec.env }, detached: true });
    this.#process = child;
    child.stdout!.pipe(this.#log, { end: false });
    child.stderr!.pipe(this.#log, { end: false });
    child.on("error", (error) => this.#log.write(`could not start: ${error.message}\n`));
  }

  /** A stopped or continued process is the same one afterwards; an ended one is waited for. */
  async signal(signal: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT"): Promise<void> {
    const child = this.#process;
    if (child === undefined || !this.isRunning) return;
    const gone = signal === "SIGKILL" ? new Promise((resolve) => child.once("exit", resolve)) : undefined;
    child.kill(signal);
    await gone;
  }

  /** Resolves when it has ended by itself. */
  async ended(): Promise<void> {
    const child = this.#process;
    if (child === undefined || !this.isRunning) return;
    await new Promise((resolve) => child.once("exit", resolve));
  }

  /** SIGTERM, then SIGKILL. */
  async stop(graceMs: number): Promise<void> {
    const child = this.#process;
    if (child !== undefined && this.isRunning) {
      const killer = setTimeout(() => child.kill("SIGKILL"), graceMs);
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGCONT");
      child.kill("SIGTERM");
      await gone;
      clearTimeout(killer);
    }
  }
}
