/** A real Consul for tests: CONSUL_BIN, one on PATH, or 1.13.9 (MPL-2.0) built by Go from its module, once, into the project's cache. */
import { execFile, execFileSync, spawn, type ChildProcess } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ask } from "../../services/runtime/request.ts";
import { freePorts } from "../e2e/ports.ts";
import { until } from "../e2e/wait.ts";

const source = fileURLToPath(new URL("consul", import.meta.url));
const cache = fileURLToPath(new URL("../../.cache", import.meta.url));
const setpriv = "/usr/bin/setpriv";

/** A Consul that is there already; undefined where it would have to be built. */
export async function findConsul(): Promise<string | undefined> {
  const built = await builtAt();
  for (const bin of [process.env["CONSUL_BIN"] ?? "", "consul", built]) {
    if (bin === "") continue;
    try {
      execFileSync(bin, ["version"], { stdio: "ignore" });
      return bin;
    } catch {
      // not there, or not runnable: the next
    }
  }
  return undefined;
}

async function builtAt(): Promise<string> {
  const hash = createHash("sha256");
  for (const file of ["go.mod", "go.sum"]) hash.update(await readFile(join(source, file)));
  return join(cache, `consul-${hash.digest("hex").slice(0, 16)}`, "consul");
}

/**
 * Builds it: about four minutes on two cores, and 1.5 GB of the cache's disk meanwhile.
 * @throws Error where there is no Go, or its modules can't be had
 */
export async function buildConsul(say: (line: string) => void): Promise<string> {
  const built = await builtAt();
  if (existsSync(built)) return built;
  await mkdir(cache, { recursive: true });
  const fresh = await mkdtemp(join(cache, "consul-building-"));
  try {
    say("Building Consul 1.13.9 (some minutes, once)");
    const env = { ...process.env, GOTOOLCHAIN: "local", CGO_ENABLED: "0", GOFLAGS: "-mod=mod -modcacherw", GOPATH: join(fresh, "go"), GOCACHE: join(fresh, "build") };
    await promisify(execFile)("go", ["build", "-ldflags", "-s -w", "-o", join(fresh, "bin", "consul"), "github.com/hashicorp/consul"], { cwd: source, env, maxBuffer: 64 * 1024 * 1024 });
    await rename(join(fresh, "bin"), join(built, "..")).catch((error: NodeJS.ErrnoException) => (existsSync(built) ? undefined : Promise.reject(error)));
    return built;
  } catch (error) {
    throw new Error(`Consul can't be built: ${(error as Error).message.slice(0, 2_000)}`, { cause: error });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** Of one agent: all in memory, or a server with a folder. */
export class Consul {
  readonly url: string;
  /** what it wants to see; empty = nothing */
  readonly token: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #folder: string | undefined;

  private constructor(url: string, child: ChildProcess, folder: string | undefined, token = "") {
    this.url = url;
    this.token = token;
    this.#child = child;
    this.#folder = folder;
    this.#ended = new Promise((resolve) => child.once("close", () => resolve()));
  }

  /** A single agent in development mode: it forgets all at its end. */
  static async dev(bin: string): Promise<Consul> {
    const http = await freePorts(3);
    const consul = Consul.#spawn(bin, http, ["-dev", `-serf-lan-port=${http + 1}`, `-server-port=${http + 2}`], undefined);
    await consul.ready();
    return consul;
  }

  /** The same with access control: who shows no token may do nothing, `token` all. */
  static async guarded(bin: string): Promise<Consul> {
    const [http, token] = [await freePorts(3), randomUUID()];
    const acl = `acl { enabled = true, default_policy = "deny", tokens { initial_management = "${token}", agent = "${token}" } }`;
    const consul = Consul.#spawn(bin, http, ["-dev", `-serf-lan-port=${http + 1}`, `-server-port=${http + 2}`, "-hcl", acl], undefined, token);
    await consul.ready();
    return consul;
  }

  /** Servers of one cluster, that elect a leader among them. */
  static async cluster(bin: string, count: number): Promise<Consul[]> {
    const first = await freePorts(3 * count);
    const ports = Array.from({ length: count }, (_, i) => first + 3 * i);
    const all = await Promise.all(
      ports.map(async (http, i) => {
        const folder = await mkdtemp(join(tmpdir(), "ringway-consul-"));
        const join_ = ports.map((port) => `-retry-join=127.0.0.1:${port + 1}`);
        return Consul.#spawn(bin, http, ["-server", `-bootstrap-expect=${count}`, `-node=consul-${i}`, `-data-dir=${folder}`, `-serf-lan-port=${http + 1}`, `-server-port=${http + 2}`, ...join_], folder);
      }),
    );
    try {
      for (const consul of all) await consul.ready();
    } catch (error) {
      await Promise.all(all.map((consul) => consul.kill()));
      throw error;
    }
    return all;
  }

  static #spawn(bin: string, http: number, args: readonly string[], folder: string | undefined, token?: string): Consul {
    const leash = existsSync(setpriv) ? [setpriv, "--pdeathsig", "KILL", "--"] : [];
    const [command, ...rest] = [...leash, bin, ...["agent", ...args, "-bind=127.0.0.1", "-client=127.0.0.1", `-http-port=${http}`, "-dns-port=-1", "-grpc-port=-1", "-serf-wan-port=-1", "-log-level=error"]];
    return new Consul(`http://127.0.0.1:${http}`, spawn(command!, rest, { stdio: "ignore" }), folder, token);
  }

  async ready(): Promise<void> {
    await until("Consul to take a write", async () => {
      if (this.#child.exitCode !== null) throw new Error("consul ended while it started");
      return (await ask(`${this.url}/v1/kv/contract/ready`, { method: "PUT", body: Buffer.from("x"), headers: this.headers }).catch(() => undefined))?.json === true;
    }, 30_000);
  }

  /** A new token that may do what these policies say, in Consul's language. @returns its accessor, by which it is ended, and itself */
  async issue(...policies: readonly string[]): Promise<{ readonly id: string; readonly secret: string }> {
    const make = async (path: string, body: unknown): Promise<Record<string, string>> => {
      const { status, json, bytes } = await ask(`${this.url}/v1/acl/${path}`, { method: "PUT", body, headers: this.headers });
      if (status !== 200) throw new Error(`consul: ${path}: ${status} ${bytes.toString("utf8")}`);
      return json as Record<string, string>;
    };
    const made = [];
    for (const Rules of policies) made.push({ ID: (await make("policy", { Name: randomUUID(), Rules }))["ID"] });
    const { AccessorID, SecretID } = await make("token", { Policies: made });
    return { id: AccessorID!, secret: SecretID! };
  }

  async revoke(id: string): Promise<void> {
    await ask(`${this.url}/v1/acl/token/${id}`, { method: "DELETE", headers: this.headers });
  }

  get headers(): Readonly<Record<string, string>> {
    return this.token === "" ? {} : { "x-consul-token": this.token };
  }

  /** Whether it leads its cluster. */
  async leads(): Promise<boolean> {
    const [leader, self] = await Promise.all([ask(`${this.url}/v1/status/leader`), ask(`${this.url}/v1/agent/self`)]);
    const { Member } = self.json as { Member: { Tags: { port: string }; Addr: string } };
    return leader.json === `${Member.Addr}:${Member.Tags.port}`;
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }
}
