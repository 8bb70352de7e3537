/**
 * `npm run bench:filter`: what Ringway's filter costs an Envoy, beside what that Envoy can do without it.
 *
 *   --quick      less of everything: at most 50 s
 *   --profile    instead: filters that do a part of the work each: where the time goes
 *   --soak       instead: 1,000,000 requests through one Envoy, and how its resident memory grows
 *   --json FILE  the same rows, for a program
 */
import { writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildWasm } from "../../../services/launch/build.ts";
import { measure, startAll, type Effort } from "./cell.ts";
import type { Variant } from "./config.ts";
import { goals } from "./goals.ts";
import { machine } from "./machine.ts";
import { vmMemory } from "./memory.ts";
import { probe, root } from "./probe.ts";
import { printFacts, printGoals, printProfile, printRows, rowsOf, type Fact, type Row } from "./report.ts";
import { disruption, lookUps } from "./ring.ts";

const { values: options } = parseArgs({ options: { quick: { type: "boolean", default: false }, profile: { type: "boolean", default: false }, soak: { type: "boolean", default: false }, json: { type: "string" } } });
const say = (line: string): void => console.error(`${performance.now().toFixed(0).padStart(7)} ms  ${line}`);

const isWhole = !options.profile && !options.soak;

/** With --quick nothing is begun after this. A machine that is busy with other things gets through less, and it is said. */
const QUICK_MS = 26_000;

const effort: Effort = options.quick ? { rounds: 6, sliceMs: 100, warmUpRequests: 4_500 } : { rounds: 20, sliceMs: 100, warmUpRequests: 8_000 };
/** How many streams stay open at each number of servers. */
const plan: readonly { servers: number; streams: readonly number[] }[] = options.quick
  ? [{ servers: 3, streams: [0] }, { servers: 1_000, streams: [0] }, { servers: 100, streams: [0, 5_000] }]
  : [3, 100, 1_000].map((servers) => ({ servers, streams: [0, 1_000, 5_000] }));

const variants: Variant[] = [
  { name: "round_robin", policy: "round_robin" },
  { name: "ring_hash", policy: "ring_hash" },
  { name: "maglev", policy: "maglev" },
  { name: "empty filter", policy: "round_robin", wasmFile: await probe("empty") },
  { name: "ringway", policy: "override_host", wasmFile: join(root, "build", "filter.wasm"), isRingway: true },
];

function isLate(servers: number, streams: number): boolean {
  const late = options.quick && performance.now() > QUICK_MS;
  if (late) say(`left out for want of time: ${servers} servers, ${streams} open streams`);
  return late;
}

async function parts(): Promise<Variant[]> {
  const part = async (name: string, file: string, steps: Parameters<typeof probe>[1]): Promise<Variant> => ({ name, policy: "round_robin", wasmFile: await probe(file, steps) });
  const byHost = { policy: "override_host", clientChooses: true } as const;
  return [
    ...variants,
    { name: "override_host, no filter", ...byHost },
    await part("+ read :path", "path", { path: true }),
    await part("+ set 1 header", "headers1", { path: true, headers: 1 }),
    await part("+ set 2 more", "headers3", { path: true, headers: 3 }),
    await part("+ context_create, delete", "lifecycle", { lifecycle: true, path: true, headers: 3 }),
    await part("the same, with the whole header map for :path", "pairs", { lifecycle: true, pairs: true, headers: 3 }),
    await part("the same, with :path, and a host call to count", "metric", { lifecycle: true, path: true, headers: 3, metric: true }),
    { ...(await part("the least that names a host: :path, 1 header, override_host", "headers1", { path: true, headers: 1 })), ...byHost },
  ];
}

async function cell(compared: readonly Variant[], servers: number, allStreams: readonly number[], effort: Effort, done: (rows: Row[]) => void): Promise<void> {
  const benches = await startAll(compared, servers);
  try {
    for (const streams of allStreams) {
      if (isLate(servers, streams)) continue;
      say(`${servers} servers, ${streams} open streams …`);
      await Promise.all(benches.map((bench) => bench.peer.stream(streams)));
      done(rowsOf(servers, streams, await measure(benches, effort)));
    }
  } finally {
    await Promise.all(benches.map((bench) => bench.stop()));
  }
}

await buildWasm(say);
const about = await machine();
const busyBefore = loadavg()[0] ?? NaN;
const rows: Row[] = [];
for (const { servers, streams } of isWhole ? plan : []) {
  if (!isLate(servers, streams[0] ?? 0)) await cell(variants, servers, streams, effort, (more) => rows.push(...more));
}
const profile: Row[] = [];
if (options.profile) await cell(await parts(), 100, [0], { rounds: 50, sliceMs: 50, warmUpRequests: 4_500 }, (more) => profile.push(...more));
if (isWhole) say("ring look-ups, disruption, memory …");
const facts: Fact[] = [];
if (isWhole) facts.push(...(await lookUps()), ...(await disruption(options.quick ? 100 : 10_000)), ...(await vmMemory(variants.at(-1)!, options.quick ? 100_000 : 1_000_000, 0)));
if (options.soak) facts.push(...(await vmMemory(variants.at(-1)!, 1_000_000, 1_000_000)));
about.push({ name: "load average before and after (the bench itself makes about 2)", value: `${busyBefore.toFixed(1)}, ${(loadavg()[0] ?? NaN).toFixed(1)}`, unit: "" });
const reached = goals(rows, facts);

printFacts("Machine", about);
if (rows.length > 0) printRows("CPU of the Envoy process", rows);
if (profile.length > 0) printProfile(profile);
if (facts.length > 0) printFacts("Ring and memory", facts);
if (isWhole) printGoals(reached);
if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify({ machine: about, rows, profile, facts, goals: reached }, null, 2)}\n`);
