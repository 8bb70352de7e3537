/** One supervised child process: started, logged to a file, restarted with back-off when it dies, ended by its PID. */
import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream, existsSync, type WriteStream } from "node:fs";

export interface ChildSpec {
  readonly name: string;
  readonly role: string;
  /** ip:port it will listen on */
  readonly address: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly logFile: string;
}

/** Restart waits: doubling from the first to the longest; a child that lived this long starts again at the first. */
const backOff = { firstMs: 250, longestMs: 5_000, steadyMs: 10_000 };

/** Where util-linux is (any Debian), a child gets SIGTERM when the launcher itself is killed; elsewhere it would outlive it. */
function leash(): string[] {
  const setpriv = "/usr/bin/setpriv";
  return process.platform === "linux" && existsSync(setpriv) ? [setpriv, "--pdeathsig", "TERM", "--"] : [];
}

export class Child {
  readonly spec: ChildSpec;
  readonly #changed: (line: string | undefined) => void;
  readonly #log: WriteStream;
  #process: ChildProcess | undefined;
  #stopping = false;
  #waitMs = backOff.firstMs;
  #timer: NodeJS.Timeout | undefined;

  /** @param changed called when the PID changes; with a line for people when the child died */
  constructor(spec: ChildSpec, changed: (line: string | undefined) => void) {
    this.spec = spec;
    this.#changed = changed;
    this.#log = createWriteStream(spec.logFile, { flags: "a" });
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  start(): void {
    if (this.#stopping) return;
    const { env } = this.spec;
    const [command, ...args] = [...leash(), this.spec.command, ...this.spec.args] as [string, ...string[]];
    const startedAt = Date.now();
    // A group of its own: Ctrl-C reaches the launcher alone, which then stops the children in order.
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env }, detached: true });
    this.#process = child;
    child.stdout?.pipe(this.#log, { end: false });
    child.stderr?.pipe(this.#log, { end: false });
    const ended = (how: string): void => {
      this.#process = undefined;
      if (this.#stopping) return;
      if (Date.now() - startedAt > backOff.steadyMs) this.#waitMs = backOff.firstMs;
      this.#changed(`${this.spec.name} ${how}; starting it again in ${this.#waitMs} ms; its log: ${this.spec.logFile}`);
      this.#timer = setTimeout(() => this.start(), this.#waitMs);
      this.#waitMs = Math.min(this.#waitMs * 2, backOff.longestMs);
    };
    child.on("exit", (code, signal) => ended(`(${child.pid}) ended (${signal ?? `exit code ${code}`})`));
    child.on("error", (error) => {
      // Where it was never started no exit follows.
      if (child.pid === undefined) ended(`could not start (${error.message})`);
    });
    this.#changed(undefined);
  }

  /** SIGTERM, then SIGKILL after `graceMs`. Resolves when it is gone. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const child = this.#process;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      await new Promise<void>((resolve) => {
        const killer = setTimeout(() => child.kill("SIGKILL"), graceMs);
        child.once("exit", () => {
          clearTimeout(killer);
          resolve();
        });
        child.kill("SIGTERM");
      });
    }
    await new Promise<void>((resolve) => this.#log.end(resolve));
  }
}
