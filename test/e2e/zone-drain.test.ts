/** A zone is emptied within the time that an operator chooses: evenly, once, and nobody misses anything. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { lines, verdictOf } from "../../services/delivery/report.ts";
import { DeliveryRun } from "../../services/delivery/run.ts";
import { peakWithin } from "../hosts/figures.ts";
import { useHosts } from "../hosts/use-hosts.ts";
import { connectRtm, type Rtm } from "./client.ts";
import { everybody, people } from "./people.ts";
import { root } from "./plane.ts";
import { Resuming } from "./resuming.ts";
import { inParallel, until } from "./wait.ts";

const sockets = 120;
const seconds = 8;

const plane = useHosts({
  sites: [
    { zone: "home", names: ["charm", "webapp", "cs-0", "cs-1", "ps-0"] },
    { zone: "a", names: ["gw-0", "gw-1"] },
    { zone: "b", names: ["gw-2", "gw-3"] },
  ],
  // An operator's time goes before this rate, which would take twice as long.
  env: { RINGWAY_RECONNECTS_PER_SECOND: "7" },
});
const clients: Resuming[] = [];
afterAll(() => Promise.all(clients.map((client) => client.stop())));

function ringway(...args: string[]): Promise<{ readonly code: number | null; readonly out: string }> {
  const child = spawn(process.execPath, [join(root, "services", "main.ts"), "ring", ...args, "--charm-url", plane().charm], { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, out })));
}

function gatewayOf({ frames }: Rtm): string {
  return frames.find(({ type }) => type === "hello")!["x_gateway"] as string;
}

async function gatewayFor(zone: string): Promise<string> {
  const rtm = await connectRtm(plane().url(zone), people.ada.token);
  await rtm.close();
  return gatewayOf(rtm);
}

test(`${sockets} clients leave a zone within ${seconds} seconds, evenly, told once, and nothing is lost`, async () => {
  await inParallel(8, Array.from({ length: sockets }), async (_, i) => {
    const client = new Resuming(plane().url("a"), everybody[i % everybody.length]!.token, { paced: i % 2 === 0 });
    clients.push(client);
    await client.ready();
  });
  const olds = await Promise.all(clients.map((client) => client.ready()));
  // All of these users are in its channels: each message goes to all of their sockets, too.
  const run = new DeliveryRun({ api: plane().url("a"), tokens: everybody.map(({ token }) => token), channels: 4, writers: 4, readers: 4, rate: 4, seed: 1, patienceMs: 60_000, settleMs: 30_000 });
  await run.start();
  const crowds = await Promise.all(plane().gateways("a").map(async (id) => [id, (await plane().status(id))["sessions"] as number] as const));

  const verb = ringway("drain", "--zone", "a", "--within-seconds", String(seconds), "--wait", "--json");
  await until("the ring to say so", async () => (await plane().topology()).pools.gateway.servers.filter(({ state }) => state === "draining").length === 2);
  const began = performance.now();
  await until("new clients to be led to the other zone", async () => plane().gateways("b").includes(await gatewayFor("a")), 2_000);
  const { code, out } = await verb;
  expect({ code, said: JSON.parse(out) as unknown }).toEqual({ code: 0, said: { zone: "a", drain: true, in_zone: ["gw-0", "gw-1"] } });
  for (const id of plane().gateways("a")) expect(await plane().status(id)).toMatchObject({ sessions: 0, draining: true });
  await until("all to be in the other zone", () => clients.every((client) => client.connections === 2 && client.connected));

  const arrivals = clients.map((client) => client.helloAt[1]!);
  const tookMs = Math.max(...arrivals) - began;
  const even = sockets / seconds;
  const peak = peakWithin(arrivals, 1_000);
  console.log(`zone a drained within ${seconds} s: the last of ${sockets} clients arrived elsewhere after ${Math.round(tookMs)} ms; at most ${peak} arrivals within a second where ${even} are even (${peak <= 2 * even ? "met" : "missed"}: ≤ ${2 * even})`);
  // How long a client takes to come back is the machine's affair; a storm it must not be.
  expect(tookMs).toBeLessThan(1_000 * seconds + 5_000);
  expect(peak).toBeLessThan(sockets / 2);
  const goodbyes = olds.map(({ frames }) => frames.filter(({ type }) => type === "goodbye"));
  for (const told of goodbyes) expect(told).toHaveLength(1);
  // Who waits as told knows its turn from the first moment on: these are the gateways' own, whatever the machine does.
  const turns = goodbyes.flatMap(([told], i) => (i % 2 === 0 ? [[gatewayOf(olds[i]!), told!["x_delay_ms"] as number] as const] : []));
  for (const [id, sessions] of crowds) {
    const own = turns.flatMap(([gateway, ms]) => (gateway === id ? [ms] : [])).sort((a, b) => a - b);
    expect(own.length).toBeGreaterThan(1);
    expect(own.at(-1)).toBeLessThan(1_000 * seconds);
    // Others' turns may lie between two of these, so how many come in a second is chance; closer than two turns of all they never are.
    expect(Math.min(...own.slice(1).map((ms, i) => ms - own[i]!))).toBeGreaterThanOrEqual(Math.floor((0.9 * 1_000 * seconds) / sessions));
  }

  const beganSending = run.happened[0]!.at;
  const verdict = await run.stop(false);
  console.log(lines(run.plan, verdict, (performance.now() - beganSending) / 1_000).join("\n"));
  expect(verdictOf(verdict)).toBe("kept");

  expect(await ringway("undrain", "--zone", "a", "--wait", "--json")).toEqual({ code: 0, out: `${JSON.stringify({ zone: "a", drain: false, in_zone: ["gw-0", "gw-1"] })}\n` });
  await until("new clients to be led to their own zone again", async () => plane().gateways("a").includes(await gatewayFor("a")));
}, 120_000);

test("a zone that nobody is in, and one without which nobody would be left, are refused in a line", async () => {
  expect(await ringway("drain", "--zone", "c")).toEqual({ code: 2, out: "ringway: charm refused: not_found (no server is in zone 'c')\n" });
  expect(await ringway("drain", "--zone", "home")).toEqual({ code: 2, out: "ringway: charm refused: bad_request (all channel servers that are up are in zone 'home': nobody would be left)\n" });
  expect((await ringway("drain", "gw-0", "--zone", "a")).out).toContain("usage: ringway ring drain <server> or --zone Z");
});
