/** What a person does at a terminal beside a running plane, with the real program. */
import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { call } from "./client.ts";
import { people } from "./people.ts";
import { root, usePlane } from "./plane.ts";
import { until } from "./wait.ts";

const plane = usePlane();
const running: ChildProcess[] = [];
afterEach(async () => {
  for (const child of running.splice(0)) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
});

class Ran {
  out = "";
  err = "";
  readonly process: ChildProcess;
  readonly code: Promise<number | null>;

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}, [program, ...first]: readonly [string, ...string[]] = [process.execPath, join(root, "services", "main.ts")]) {
    this.process = spawn(program, [...first, ...args], { env: { ...process.env, RINGWAY_API: plane().url, RINGWAY_TOKEN: people.ada.token, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    running.push(this.process);
    this.process.stdout!.on("data", (chunk: Buffer) => (this.out += chunk.toString("utf8")));
    this.process.stderr!.on("data", (chunk: Buffer) => (this.err += chunk.toString("utf8")));
    this.code = new Promise((resolve) => this.process.once("close", resolve));
  }
}

async function ringway(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const ran = new Ran(args);
  const code = await ran.code;
  return { code, out: ran.out, err: ran.err };
}

test("status shows every server of the ring, its share and its load, and a program gets the same as JSON", async () => {
  const charm = `--charm-url=${(await plane().file()).charm}`;
  const { code, out } = await ringway("status", charm);
  expect(code, out).toBe(0);
  expect(out).toMatch(/^epoch \d+\n\npool +server +zone +state +weight +slots +epoch +load +address\nchannel +cs-0 +local +up +100 +33\.\d % +\d+ +\d+ channels, \d+ subscriptions +127\.0\.0\.1:\d+\n/);
  const { servers } = JSON.parse((await ringway("status", charm, "--json")).out) as { servers: { pool: string; id: string; slots: number; says: object | null }[] };
  for (const pool of ["channel", "presence", "gateway"]) expect(servers.filter((server) => server.pool === pool).reduce((sum, { slots }) => sum + slots, 0), pool).toBe(65_536);
  expect(servers.map(({ says }) => says)).not.toContain(null);
});

test("top shows what happens while it looks", async () => {
  const charm = `--charm-url=${(await plane().file()).charm}`;
  const look = new Ran(["top", charm, "--once", "--every-ms", "4000"]);
  for (let i = 0; look.process.exitCode === null; i++) await call(plane().url, people.ada.token, "chat.postMessage", { channel: "C0GENERAL", text: `look ${i}` });
  expect(await look.code, look.err).toBe(0);
  expect(look.out).toMatch(/^[1-9]\d* messages\/s, \d+ sessions\nto the readers' sockets .*\n\npool +server +CPU +memory +lag p99\nchannel +cs-0 +\d+ % +\d+ MiB +[\d.]+ ms +\d+ stored\/s, \d+ channels, \d+ slots taken over\n/);
});

test("a pin moves a channel to the server that it names, shows in the ring, and can be taken back", async () => {
  const charm = `--charm-url=${(await plane().file()).charm}`;
  const owner = async (): Promise<{ slot: number; owner: string }> => JSON.parse((await ringway("ring", "owner", "C0GENERAL", charm, "--json")).out) as { slot: number; owner: string };
  const { slot, owner: first } = await owner();
  const other = first === "cs-0" ? "cs-1" : "cs-0";
  expect((await ringway("ring", "pin", "C0GENERAL", other, charm)).out).toMatch(new RegExp(`^slot +${slot}\\nserver +${other}$`, "m"));
  await until("the pin to be in the ring", async () => (await owner()).owner === other);
  expect((await ringway("ring", "show", charm)).out).toContain(`slot ${slot} of channel is pinned to ${other}\n`);
  await call(plane().url, people.ada.token, "chat.postMessage", { channel: "C0GENERAL", text: "pinned" });
  expect((await ringway("ring", "unpin", "C0GENERAL", charm)).code).toBe(0);
  await until("the pin to be gone", async () => (await owner()).owner === first);
  expect(await ringway("ring", "unpin", "C0GENERAL", charm)).toEqual({ code: 2, out: "", err: `ringway: charm refused: not_found (slot ${slot} is not pinned)\n` });
});

test("a drain that is waited for shows a terminal how far it is, and a program nothing but its end", async () => {
  const { charm } = await plane().file();
  const slots = async (): Promise<number> => {
    const { servers } = JSON.parse((await ringway("status", "--charm-url", charm, "--json")).out) as { servers: { id: string; slots: number }[] };
    return servers.find(({ id }) => id === "cs-1")!.slots;
  };
  const command = `${process.execPath} ${join(root, "services", "main.ts")} ring drain cs-1 --wait --charm-url ${charm}`;
  const seen = new Ran([], {}, ["/usr/bin/script", "-qec", command, "/dev/null"]);
  expect(await seen.code, seen.err).toBe(0);
  expect(seen.out).toMatch(/slots to move \[[^\]]+\] \d+ %/);
  expect(await slots()).toBe(0);
  expect(await ringway("ring", "undrain", "cs-1", "--wait", "--charm-url", charm)).toEqual({ code: 0, out: "server  cs-1\ndrain   false\nweight  as registered\n", err: "" });
  expect(await slots()).toBeGreaterThan(0);
});

test("what one sends another sees come, with what was said before", async () => {
  const sent = await ringway("send", "#general", "before", "anybody", "listens");
  expect(sent).toEqual({ code: 0, err: "", out: expect.stringMatching(/^\d{10}\.\d{6}\n$/) as unknown });
  const tail = new Ran(["tail", "general", "--last", "1"], { RINGWAY_TOKEN: people.grace.token });
  await until("the past", () => tail.out.includes("before anybody listens"));
  // Events of her own stream, which name the channel, have offsets of their own, that soon are higher.
  for (let i = 0; i < 60; i++) await call(plane().url, people.grace.token, "conversations.mark", { channel: "C0GENERAL", ts: sent.out.trim() });
  await ringway("send", "C0GENERAL", "now\u001b[31m it is live");
  await until("what is said now", () => tail.out.includes("it is live"));
  expect(tail.out.split("\n").slice(0, 2)).toEqual([expect.stringMatching(/^\d\d:\d\d:\d\d\.\d{3} {2}U0ADA: before anybody listens$/), expect.stringMatching(/^\S+ {2}U0ADA: now·\[31m it is live$/)]);
  expect(tail.err).toMatch(/^ringway: listening to #general at gw-\d\n$/);
  tail.process.kill("SIGINT");
  expect(await tail.code).toBe(0);
});

test("what is wrong is one line, and exit code 2", async () => {
  expect(await ringway("send", "nowhere", "x")).toEqual({ code: 2, out: "", err: "ringway: there is no channel 'nowhere', or it is not yours to see\n" });
  expect(await ringway("send", "general")).toEqual({ code: 2, out: "", err: "ringway: usage: ringway send <channel> <text …>\n" });
  expect(await ringway("tail", "general", "--token", "xoxp-no")).toEqual({ code: 2, out: "", err: "ringway: conversations.list: invalid_auth\n" });
  expect(await ringway("send", "--api", "http://127.0.0.1:1", "general", "x")).toEqual({ code: 2, out: "", err: "ringway: conversations.list: ECONNREFUSED\n" });
  expect((await ringway("status", "--charm-url", "http://127.0.0.1:1")).err).toBe("ringway: charm at http://127.0.0.1:1 does not answer (ECONNREFUSED)\n");
});

test("a shell that reads the completion script completes verbs, sub-verbs and flags", async () => {
  const { out } = await ringway("completion", "bash");
  const complete = (words: string): Promise<string> =>
    new Promise((resolve) => {
      const list = words.split(" ");
      const bash = spawn("bash", ["-c", `${out}\nCOMP_WORDS=(${list.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${list.length - 1}; _ringway; echo "\${COMPREPLY[*]}"`], { stdio: ["ignore", "pipe", "inherit"] });
      let text = "";
      bash.stdout.on("data", (chunk: Buffer) => (text += chunk.toString("utf8")));
      bash.once("close", () => resolve(text.trim()));
    });
  expect(await complete("ringway sta")).toBe("status");
  expect(await complete("ringway ring d")).toBe("diff drain");
  expect(await complete("ringway tail general --l")).toBe("--last");
  expect((await ringway("completion", "fish")).err).toBe("ringway: usage: ringway completion bash|zsh\n");
});
