/** The network between two sites, as `test/engines/ocean.py` makes it: with a delay, with losses, and at times down. */
import { execFile, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { bridgeOf } from "../chaos/net.ts";
import { leash } from "../chaos/proc.ts";

const exec = promisify(execFile);
const devices = ["ocean0", "ocean1"];

/** What has gone through so far, to the first site and to the second. */
export interface Crossed {
  readonly frames: readonly [number, number];
  readonly bytes: readonly [number, number];
  readonly lost: readonly [number, number];
}

export class Ocean {
  readonly #process: ChildProcess;
  readonly #answers: Interface;

  private constructor(process: ChildProcess) {
    this.#process = process;
    this.#answers = createInterface({ input: process.stdout! });
  }

  /** @returns why there can be none here; undefined where there can */
  static whyNot(): string | undefined {
    if (!existsSync("/dev/net/tun")) return "there is no /dev/net/tun";
    return spawnSync("python3", ["--version"]).status === 0 ? undefined : "there is no python3";
  }

  /** Joins the sites 0 and 1 of a network that are apart. */
  static async open(oneWayMs: number): Promise<Ocean> {
    const [command, ...args] = [...leash, "python3", fileURLToPath(new URL("../engines/ocean.py", import.meta.url)), ...devices];
    const ocean = new Ocean(spawn(command!, args, { stdio: ["pipe", "pipe", "inherit"], detached: true }));
    await ocean.#answer();
    for (const [site, device] of devices.entries()) await exec("ip", ["link", "set", device, "master", bridgeOf(site), "up"]);
    await ocean.tell(`delay ${oneWayMs}`);
    return ocean;
  }

  /** `delay MS`, `loss PERCENT`, `down`, `up` or `count`; one at a time. */
  async tell(command: string): Promise<Crossed> {
    this.#process.stdin!.write(`${command}\n`);
    return (await this.#answer()) as Crossed;
  }

  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.stdin!.end();
    await gone;
  }

  #answer(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error("the ocean dried up: ocean.py ended"));
      this.#process.once("exit", ended);
      this.#answers.once("line", (line) => {
        this.#process.off("exit", ended);
        resolve(JSON.parse(line));
      });
    });
  }
}
