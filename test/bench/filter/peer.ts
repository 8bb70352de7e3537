/** The parent's end of a driver process. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { onCore } from "../pin.ts";

export type Command =
  | { readonly do: "listen"; readonly servers: number }
  | { readonly do: "target"; readonly port: number; readonly choose: readonly number[] | undefined }
  | { readonly do: "load"; readonly ms: number; readonly count: number }
  | { readonly do: "stream"; readonly total: number };

export interface Loaded {
  readonly answered: number;
  /** Of these, not 2xx. */
  readonly failed: number;
  readonly ms: number;
}

interface Answer {
  readonly value?: unknown;
  readonly error?: string;
}

export class Peer {
  readonly #child: ChildProcess;
  /** Takes the answer to the command that runs; there is one at a time. */
  #settle: (answer: Answer) => void = () => {};

  constructor() {
    const [command, args] = onCore(1, process.execPath, [fileURLToPath(new URL("driver.ts", import.meta.url))]);
    this.#child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.#child.on("message", (answer) => this.#settle(answer as Answer));
    this.#child.on("exit", () => this.#settle({ error: "the load generator ended" }));
  }

  /** Servers on free ports of 127.0.0.1, all in that process. */
  listen(servers: number): Promise<readonly number[]> {
    return this.#ask({ do: "listen", servers });
  }

  /** Where Envoy listens; with `choose` the client names three of these ports in each request itself. */
  target(port: number, choose?: readonly number[]): Promise<null> {
    return this.#ask({ do: "target", port, choose });
  }

  load(ms: number, count = Infinity): Promise<Loaded> {
    return this.#ask({ do: "load", ms, count: Math.min(count, Number.MAX_SAFE_INTEGER) });
  }

  /** Opens WebSockets until there are `total`. */
  stream(total: number): Promise<null> {
    return this.#ask({ do: "stream", total });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.disconnect();
    await once(this.#child, "exit");
  }

  async #ask<T>(command: Command): Promise<T> {
    const { value, error } = await new Promise<Answer>((settle) => {
      this.#settle = settle;
      this.#child.send(command);
    });
    if (error !== undefined) throw new Error(error);
    return value as T;
  }
}
