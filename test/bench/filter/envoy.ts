/** One Envoy: with one worker it is alone on its core; and what it has used so far. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { envoyBinary, until } from "../../filter/envoy.ts";
import { onCore } from "../pin.ts";

export class BenchEnvoy {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #admin: string;

  private constructor(child: ChildProcess, folder: string, admin: string, port: number) {
    this.#child = child;
    this.#folder = folder;
    this.#admin = admin;
    this.port = port;
  }

  /** Starts it with this bootstrap and waits until it is live. More workers than one share all cores. */
  static async start(bootstrap: string, workers = 1): Promise<BenchEnvoy> {
    const folder = await mkdtemp(join(tmpdir(), "ringway-bench-"));
    const file = join(folder, "envoy.json");
    const adminFile = join(folder, "admin");
    await writeFile(file, bootstrap);
    const line = ["-c", file, "--concurrency", String(workers), "--use-dynamic-base-id", "-l", "error", "--admin-address-path", adminFile];
    const [command, args] = workers === 1 ? onCore(0, await envoyBinary(), line) : [await envoyBinary(), line];
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"] });
    let port = 0;
    let admin = "";
    await until(async () => {
      if (child.exitCode !== null) return true;
      admin = `http://${await readFile(adminFile, "utf8")}`;
      if (!(await fetch(`${admin}/ready`)).ok) return false;
      const { listener_statuses } = (await (await fetch(`${admin}/listeners?format=json`)).json()) as {
        listener_statuses: { local_address: { socket_address: { port_value: number } } }[];
      };
      port = listener_statuses[0]?.local_address.socket_address.port_value ?? 0;
      return port > 0;
    });
    if (child.exitCode !== null) throw new Error("Envoy ended at start");
    return new BenchEnvoy(child, folder, admin, port);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** What `/stats` gives in JSON for this query. */
  async stats(query: string): Promise<unknown> {
    return (await fetch(`${this.#admin}/stats?format=json&${query}`)).json();
  }

  /** CPU time of all its threads so far, µs. The scheduler counts it in ns, finer than the 10 ms of `/proc/PID/stat`. */
  async cpuUs(): Promise<number> {
    const tasks = `/proc/${this.#child.pid}/task`;
    let ns = 0;
    for (const task of await readdir(tasks)) {
      const text = await readFile(join(tasks, task, "schedstat"), "utf8").catch(() => "0"); // a thread may end meanwhile
      ns += Number(text.split(" ")[0]);
    }
    return ns / 1_000;
  }

  /** Resident memory, KiB. */
  async rssKiB(): Promise<number> {
    const status = await readFile(`/proc/${this.#child.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      this.#child.kill("SIGKILL");
      await once(this.#child, "exit");
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}
