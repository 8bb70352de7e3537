/** Other processes on an lmdb folder, for the tests: started, told what to write, stopped and killed. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, vi } from "vitest";
import type { Entry, LogStore } from "../../services/store/log.ts";

const folders: string[] = [];
const writers: Writer[] = [];

/** For `afterEach`. */
export const killWriters = (): Promise<unknown> => Promise.all(writers.splice(0).map((writer) => writer.kill()));
/** For `afterAll`. */
export const cleanUp = (): Promise<unknown> => Promise.all(folders.map((folder) => rm(folder, { recursive: true })));

export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ringway-log-"));
  folders.push(folder);
  return folder;
}

export interface WriterOptions {
  /** of each entry's payload */
  readonly bytes?: number;
  /** bound of the files it may write, for a disk that is full; the shell counts in half KiB */
  readonly fileKiB?: number;
  /** address space that its environment begins with */
  readonly mapBytes?: number;
  /** whether it ends a stopped process that holds the lock it waits for */
  readonly guard?: boolean;
  /** what it is started by, e.g. in a mount namespace of its own */
  readonly within?: readonly string[];
}

/** A process of its own on `folder` (log-writer.ts). */
export class Writer {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;

  constructor(folder: string, { bytes = 20, fileKiB, mapBytes = 2 ** 30, guard = true, within = [] }: WriterOptions = {}) {
    const script = fileURLToPath(new URL("log-writer.ts", import.meta.url));
    const limit = fileKiB === undefined ? "" : `ulimit -f ${2 * fileKiB}; `;
    const [command, ...args] = [...within, "/bin/sh", "-c", `${limit}exec "$@"`, "sh", process.execPath, script, folder, String(bytes), String(mapBytes), guard ? "1500" : "0"];
    this.#child = spawn(command!, args, { stdio: ["pipe", "pipe", "ignore"] });
    createInterface(this.#child.stdout!).on("line", (line) => this.lines.push(line));
    writers.push(this);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** The signal that ended it, if one did. */
  get endedBy(): NodeJS.Signals | null {
    return this.#child.signalCode;
  }

  /** Its exit code, if it ended by itself. */
  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Says a line, and waits for so many lines of answer. */
  async ask(line: string, answers = 1): Promise<string[]> {
    const from = this.lines.length;
    this.#child.stdin!.write(`${line}\n`);
    await this.has(from + answers);
    return this.lines.slice(from, from + answers);
  }

  async has(lines: number): Promise<void> {
    await vi.waitFor(() => expect(this.lines.length).toBeGreaterThanOrEqual(lines), { timeout: 20_000 });
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "close");
  }
}

/** Every entry of C1. */
export async function all(log: LogStore): Promise<Entry[]> {
  const found: Entry[] = [];
  for (;;) {
    const page = await log.after("C1", found.length, 1_000);
    if (page.length === 0) return found;
    found.push(...page);
  }
}
