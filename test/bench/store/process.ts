/** A subject's process, seen from the bench. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Sample, Turn } from "./subject.ts";
import type { Kind } from "./workload.ts";

export class Subject {
  readonly kind: Kind;
  readonly #child: ChildProcess;

  private constructor(kind: Kind, child: ChildProcess) {
    this.kind = kind;
    this.#child = child;
  }

  /** @param place folder or URL */
  static async start(engine: string, kind: Kind, place: string): Promise<Subject> {
    const subject = new Subject(kind, fork(fileURLToPath(new URL("subject.ts", import.meta.url)), [engine, kind, place]));
    await subject.#answer();
    return subject;
  }

  async run(turn: Turn): Promise<Sample> {
    this.#child.send(turn);
    return (await this.#answer()) as Sample;
  }

  async stop(): Promise<void> {
    this.#child.disconnect();
    await once(this.#child, "exit");
  }

  async #answer(): Promise<unknown> {
    const done = new AbortController();
    try {
      const broke = once(this.#child, "exit", { signal: done.signal }).then(() => Promise.reject(new Error(`the subject "${this.kind}" broke`)));
      const [answer] = (await Promise.race([once(this.#child, "message", { signal: done.signal }), broke])) as [unknown];
      broke.catch(() => undefined);
      return answer;
    } finally {
      done.abort();
    }
  }
}
