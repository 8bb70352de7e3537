/** The parent's end of a load process, which has a core to itself. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { onCore } from "../pin.ts";
import type { Provided, Target } from "./load/driver.ts";
import type { Command, Opened, Ran } from "./load/main.ts";
import type { Pace, Shape } from "./shape.ts";

interface Answer {
  readonly value?: unknown;
  readonly error?: string;
}

export class Load {
  readonly #child: ChildProcess;
  /** Takes the answer to the command that runs; there is one at a time. */
  #settle: (answer: Answer) => void = () => {};

  /** @param driver which kind of system it talks to: a name in load/drivers.ts */
  constructor(driver: string) {
    const [command, args] = onCore(1, process.execPath, [fileURLToPath(new URL("load/main.ts", import.meta.url)), driver]);
    this.#child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.#child.on("message", (answer) => this.#settle(answer as Answer));
    this.#child.on("exit", () => this.#settle({ error: "the load ended" }));
  }

  /** What the system is to be started with. */
  prepare(): Promise<Readonly<Record<string, string>>> {
    return this.#ask({ do: "prepare" });
  }

  target(target: Target): Promise<null> {
    return this.#ask({ do: "target", target });
  }

  begin(shape: Shape, provided: Provided): Promise<null> {
    return this.#ask({ do: "begin", shape, provided });
  }

  /** Opens the next `count` subscribers of the cell, so many at once. */
  open(count: number, atOnce = 32): Promise<Opened> {
    return this.#ask({ do: "open", count, atOnce });
  }

  /** Publishes for `ms` and waits until everybody has everything. */
  run(pace: Pace, ms: number): Promise<Ran> {
    return this.#ask({ do: "run", pace, ms });
  }

  /** Closes all sockets of the cell. */
  end(): Promise<null> {
    return this.#ask({ do: "end" });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.disconnect();
    await once(this.#child, "exit");
  }

  async #ask<T>(command: Command): Promise<T> {
    const { value, error } = await new Promise<Answer>((settle) => {
      this.#settle = settle;
      if (this.#child.exitCode !== null) settle({ error: "the load ended" });
      else this.#child.send(command);
    });
    if (error !== undefined) throw new Error(error);
    return value as T;
  }
}
