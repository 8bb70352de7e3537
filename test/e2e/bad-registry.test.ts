/** A registry that says no, is none, or is not there yet: one clear line from whoever is told to use it. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createNetServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openEmbedded } from "../../services/registry/embedded.ts";
import { DEV_KEY } from "../../services/ring/key.ts";
import { systemClock } from "../../services/runtime/clock.ts";
import { createHttp } from "../../services/runtime/http.ts";
import { createLog } from "../../services/runtime/log.ts";
import { root } from "./plane.ts";
import { freePorts } from "./ports.ts";
import { until } from "./wait.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ringway-registry-"));
});
const running: Program[] = [];
afterEach(async () => {
  for (const program of running.splice(0)) {
    program.process.kill("SIGKILL");
    await program.ended;
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

class Program {
  readonly process: ChildProcess;
  readonly ended: Promise<number | null>;
  out = "";
  err = "";

  constructor(verb: string, env: Readonly<Record<string, string>>, ...args: string[]) {
    this.process = spawn(process.execPath, [join(root, "services", "main.ts"), verb, ...args], { cwd: folder, env: { ...process.env, RINGWAY_RING_KEY: DEV_KEY, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    this.process.stdout!.on("data", (chunk: Buffer) => (this.out += chunk.toString("utf8")));
    this.process.stderr!.on("data", (chunk: Buffer) => (this.err += chunk.toString("utf8")));
    this.ended = new Promise((resolve) => this.process.once("close", resolve));
    running.push(this);
  }

  /** Lines of its log with this word in the message. */
  logged(word: string): string[] {
    return this.out.split("\n").filter((line) => line.startsWith("{") && (JSON.parse(line) as { msg: string }).msg.includes(word));
  }
}

const store = ["--store", "memory"];
const servers = [
  ["charm", []],
  ["channel", ["--id", "cs-9", ...store]],
  ["gateway", ["--id", "gw-9"]],
  ["presence", ["--id", "ps-9"]],
  ["webapp", store],
] as const;

function begin(verb: string, args: readonly string[], port: number, url: string, env: Readonly<Record<string, string>> = {}): Program {
  return new Program(verb, env, "--listen", `127.0.0.1:${port}`, "--registry-url", url, ...args);
}

async function serve(handler: RequestListener): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer(handler);
  const port = await freePorts(1);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${port}`, server };
}

function end(server: Server): void {
  server.close();
  server.closeAllConnections();
}

describe("a registry", () => {
  test("that goes on refusing the token ends a start with one line and code 1; the token is shown nowhere", async () => {
    const shown = new Set<unknown>();
    const { url, server } = await serve((req, res) => {
      shown.add(req.headers["x-consul-token"]);
      res.writeHead(403).end("ACL not found\n");
    });
    await writeFile(join(folder, "token"), "wrong-token\n");
    const port = await freePorts(servers.length);
    const programs = servers.map(([verb, args], i) => begin(verb, args, port + i, url, { CONSUL_HTTP_TOKEN_FILE: join(folder, "token") }));
    for (const [i, program] of programs.entries()) {
      const [verb] = servers[i]!;
      expect(await program.ended, program.out).toBe(1);
      expect(program.err).toBe(`ringway ${verb}: could not start: the registry at ${url} refuses the token (403): ACL not found\n`);
      expect(program.out).not.toContain("wrong-token");
    }
    expect([...shown]).toEqual(["wrong-token"]);
    const dev = new Program("dev", {}, "--registry-url", url, "--data", join(folder, "dev"), "--port", String(await freePorts(30)));
    expect([await dev.ended, dev.err]).toEqual([1, `ringway: the registry at ${url} refuses the token (403): ACL not found\n`]);
    end(server);
  }, 100_000);

  test.each<[string, RequestListener | undefined]>([
    ["serves pages at every address", (_req, res) => res.setHeader("content-type", "text/html").end("<!doctype html>")],
    ["knows none of the paths", (_req, res) => res.writeHead(404).end("404 page not found")],
    ["does not speak HTTP", undefined],
  ])("that %s is none: one line and code 1", async (_what, handler) => {
    const port = await freePorts(3);
    const greeter = createNetServer((socket) => socket.on("error", () => undefined).end("220 ready\r\n"));
    if (handler === undefined) await new Promise<void>((resolve) => greeter.listen(port + 2, "127.0.0.1", resolve));
    const { url, server } = handler === undefined ? { url: `http://127.0.0.1:${port + 2}`, server: undefined } : await serve(handler);
    for (const [i, [verb, args]] of [servers[0], servers[1]].entries()) {
      const program = begin(verb, args, port + i, url);
      expect(await program.ended, program.out).toBe(1);
      expect(program.err).toBe(`ringway ${verb}: could not start: what answers at ${url} is no Consul\n`);
    }
    if (server !== undefined) end(server);
    else greeter.close();
  });

  test("that is away at charm's start does not keep charm from being stopped: it ends by its own handler, as the first process of a container must", async () => {
    const charm = begin("charm", [], await freePorts(1), "http://127.0.0.1:1");
    await until("a word of the registry", () => charm.logged("registry").length > 0, 30_000);
    charm.process.kill("SIGTERM");
    expect([await charm.ended, charm.process.signalCode], charm.out).toEqual([0, null]);
  });

  test.each<[string, RequestListener | undefined, string]>([
    ["is not there yet", undefined, "ECONNREFUSED"],
    ["refuses the token at first, as an agent whose servers are away,", (_req, res) => res.writeHead(403).end("ACL not found\n"), "refuses the token"],
  ])("that %s is waited for, and the log says so once for each thing that waits; servers begin when it does", async (_what, before, word) => {
    const port = await freePorts(servers.length + 1);
    const address = `127.0.0.1:${port + servers.length}`;
    const agent = before === undefined ? undefined : createServer(before).listen(port + servers.length, "127.0.0.1");
    const programs = servers.map(([verb, args], i) => begin(verb, args, port + i, `http://${address}`));
    for (const program of programs) await until("a word of the registry", () => program.logged("registry").length > 0, 30_000);
    if (agent !== undefined) end(agent);
    const embedded = await openEmbedded({ data: join(folder, "embedded"), clock: systemClock, log: createLog("test", "registry", "silent") });
    const door = createHttp(embedded.routes, createLog("test", "registry", "silent"));
    await door.listen(address);
    for (const [i, program] of programs.entries()) {
      await until(`${servers[i]![0]} to be ready`, async () => (await fetch(`http://127.0.0.1:${port + i}/readyz`)).ok, 30_000);
      const lines = program.out.split("\n").filter((line) => line.includes(word)).map((line) => JSON.parse(line) as { msg: string; what?: string });
      expect(new Set(lines.map(({ msg, what }) => `${msg} ${what}`)).size, program.out).toBe(lines.length);
      expect(program.process.exitCode).toBeNull();
    }
    for (const { process } of programs) process.kill("SIGTERM");
    expect(await Promise.all(programs.map(({ ended }) => ended))).toEqual(programs.map(() => 0));
    await Promise.all([door.close(0), embedded.close()]);
  });
});
