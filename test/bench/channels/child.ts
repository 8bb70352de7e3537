/** A process of its own for each figure, so that none holds what another left behind. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import type { Memory } from "./memory.ts";

export class Child {
  readonly #child: ChildProcess;
  /** what it says first */
  readonly said: unknown;

  private constructor(child: ChildProcess, said: unknown) {
    this.#child = child;
    this.said = said;
  }

  /** @param file beside this one */
  static async start(file: string, args: readonly string[]): Promise<Child> {
    // V8's own bound (4 GiB at most, by default) is no part of the question.
    const execArgv = ["--expose-gc", `--max-old-space-size=${Math.floor((0.8 * totalmem()) / 2 ** 20)}`];
    const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, { execArgv });
    return new Child(child, await answer(child, file));
  }

  async measure(): Promise<Memory> {
    this.#child.send("measure");
    return (await answer(this.#child, "a measured process")) as Memory;
  }

  /** It has nothing to save. */
  async end(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }
}

async function answer(child: ChildProcess, name: string): Promise<unknown> {
  const done = new AbortController();
  try {
    const broke = once(child, "exit", { signal: done.signal }).then(() => Promise.reject(new Error(`${name} broke`)));
    broke.catch(() => undefined);
    const [said] = (await Promise.race([once(child, "message", { signal: done.signal }), broke])) as [unknown];
    return said;
  } finally {
    done.abort();
  }
}
