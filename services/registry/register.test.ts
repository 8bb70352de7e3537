import { expect, test } from "vitest";
import type { Clock } from "../runtime/clock.ts";
import { createLog, type Log } from "../runtime/log.ts";
import { RegistryError, type Registry } from "./client.ts";
import { REFUSAL_STANDS_AFTER_MS } from "./refusal.ts";
import { keepRegistered } from "./register.ts";

/** A registry that answers each try as the script says, and what came of it. */
async function follow(script: readonly (RegistryError | "ok")[]): Promise<{ readonly said: string[]; readonly pauses: number[]; readonly refused: string; readonly left: number }> {
  const [said, pauses, tries] = [[] as string[], [] as number[], [...script]];
  const log = Object.assign(Object.create(createLog("test", "register", "silent")) as Log, { warn: (fields: { err?: Error }, text: string) => void said.push(`${text}: ${fields.err?.message}`), info: (text: string) => void said.push(text) });
  let ended!: () => void;
  const whenEnded = new Promise<void>((resolve) => (ended = resolve));
  const next = async (): Promise<void> => {
    const answer = tries.shift();
    if (tries.length === 0) ended();
    if (answer instanceof RegistryError) throw answer;
  };
  const registry = { register: next, pass: () => next().then(() => true), deregister: async () => undefined } as unknown as Registry;
  const clock: Clock = {
    now: () => pauses.reduce((sum, ms) => sum + ms, 0),
    sleep: (ms, signal) => {
      pauses.push(ms);
      return tries.length > 0 && signal?.aborted !== true ? Promise.resolve() : new Promise((resolve) => signal?.addEventListener("abort", () => resolve()));
    },
  };
  let refused = "";
  const kept = keepRegistered({ registry, registration: { service: "s", id: "s-1", addr: "127.0.0.1:1", meta: {}, ttlMs: 2_000 }, passEveryMs: 500, clock, log });
  kept.failed.catch((error: Error) => {
    refused = error.message;
    ended();
  });
  await whenEnded;
  await new Promise((turn) => setImmediate(turn));
  await kept.stop();
  return { said, pauses, refused, left: tries.length };
}

const away = new RegistryError("nobody answers");
const no = new RegistryError("it refuses the token", 403, undefined, true);

test("while the registry is away it is tried with pauses that double up to a second, and the log has a line for each cause", async () => {
  const { said, pauses } = await follow([away, away, away, away, away, new RegistryError("no leader", 500), "ok", "ok"]);
  expect(pauses).toEqual([100, 200, 400, 800, 1_000, 1_000, 500, 500]);
  expect(said).toEqual(["the registry is away, or takes nothing; trying on: nobody answers", "the registry is away, or takes nothing; trying on: no leader", "the registry is back"]);
});

test("one that still refuses half a minute after it first did is not tried again, and the log has one line", async () => {
  const { refused, left, said, pauses } = await follow([away, ...Array<RegistryError>(100).fill(no), "ok"]);
  expect([refused, said]).toEqual(["it refuses the token", ["nobody answers", "it refuses the token"].map((why) => `the registry is away, or takes nothing; trying on: ${why}`)]);
  const refusedMs = pauses.slice(1).reduce((sum, ms) => sum + ms, 0);
  expect(refusedMs).toBeGreaterThanOrEqual(REFUSAL_STANDS_AFTER_MS);
  expect(refusedMs).toBeLessThan(REFUSAL_STANDS_AFTER_MS + 1_000);
  expect(left).toBeGreaterThan(1);
});

test("one that refuses for a while, is away between, and takes it then has refused nothing", async () => {
  const half = Array<RegistryError>(25).fill(no);
  expect(await follow([...half, away, ...half, "ok", "ok"])).toMatchObject({ refused: "", left: 0 });
});

test("what is no registry is not tried again", async () => {
  expect(await follow([away, new RegistryError("no Consul", undefined, undefined, true), "ok"])).toMatchObject({ refused: "no Consul", left: 1 });
});

test("one that refuses later may take another token: it is tried on", async () => {
  expect(await follow(["ok", no, no, "ok", "ok"])).toMatchObject({ refused: "", left: 0, said: ["the registry is away, or takes nothing; trying on: it refuses the token", "the registry is back"] });
});
