/**
 * `npm run bench:filter`: what Ringway's filter costs an Envoy, beside what that Envoy can do without it.
 *
 *   --quick      less of everything: at most 50 s
 *   --profile    instead: filters that do a part of the work each: where the time goes
 *   --changes    instead: only what a change of the ring does: when it is visible, and whether it holds a worker up
 *   --soak       instead: 1,000,000 requests through one Envoy, and how its resident memory grows
 *   --json FILE  the same rows, for a program
 */
import { writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildWasm } from "../../../services/launch/build.ts";
import { NOT_MEASURED, printGoals } from "../goals.ts";
import { callbacks } from "./callbacks.ts";
import { measure, startAll, type Effort } from "./cell.ts";
import { ringChanges } from "./changes.ts";
import type { Variant } from "./config.ts";
import { printFacts, type Fact } from "../facts.ts";
import { goals } from "./goals.ts";
import type { Histogram } from "./histogram.ts";
import { machine } from "./machine.ts";
import { vmMemory } from "./memory.ts";
import { probe, root } from "./probe.ts";
import { printHistograms, printProfile, printRows, rowsOf, type Row } from "./report.ts";
import { disruption, lookUps } from "./ring.ts";

const flag = { type: "boolean", default: false } as const;
const { values: options } = parseArgs({ options: { quick: flag, profile: flag, changes: flag, soak: flag, json: { type: "string" } } });
const say = (line: string): void => console.error(`${performance.now().toFixed(0).padStart(7)} ms  ${line}`);

const isWhole = !options.profile && !options.changes && !options.soak;

/** With --quick nothing is begun after this. A machine that is busy with other things gets through less, and it is said. */
const QUICK_MS = 16_000;
/** The same for the changes of the ring, which come last. */
const QUICK_CHANGES_MS = 36_000;

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

function isLate(what: string, lastMs: number): boolean {
  const late = options.quick && performance.now() > lastMs;
  if (late) say(`left out for want of time: ${what}`);
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
      if (isLate(`${servers} servers, ${streams} open streams`, QUICK_MS)) continue;
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
  if (!isLate(`${servers} servers`, QUICK_MS)) await cell(variants, servers, streams, effort, (more) => rows.push(...more));
}
const profile: Row[] = [];
if (options.profile) await cell(await parts(), 100, [0], { rounds: 50, sliceMs: 50, warmUpRequests: 4_500 }, (more) => profile.push(...more));
if (isWhole) say("ring look-ups, disruption, memory …");
const facts: Fact[] = [];
const changeFacts: Fact[] = [];
const loops: Histogram[] = [];
const callbackTimes: Histogram[] = [];
if (isWhole) facts.push(...(await lookUps()), ...(await disruption(options.quick ? 100 : 10_000)), ...(await vmMemory(variants.at(-1)!, options.quick ? 100_000 : 1_000_000, 0)));
if (options.soak) facts.push(...(await vmMemory(variants.at(-1)!, 1_000_000, 1_000_000)));
if (options.changes || (isWhole && !isLate("changes of the ring", QUICK_CHANGES_MS))) {
  const count = options.quick ? 40 : 200;
  say("changes of the ring in a real Envoy …");
  const inEnvoy = await ringChanges(variants.at(-1)!, count, options.quick ? 4 : 10);
  loops.push(...inEnvoy.histograms);
  say("the same in the emulator …");
  const emulated = await callbacks(count, options.quick ? 3 : 5);
  callbackTimes.push(...emulated.histograms);
  changeFacts.push(...inEnvoy.facts, ...emulated.facts);
}
about.push({ name: "load average before and after (the bench itself makes about 2)", value: `${busyBefore.toFixed(1)}, ${(loadavg()[0] ?? NaN).toFixed(1)}`, unit: "" });
const reached = goals(rows, [...changeFacts, ...facts]).filter(({ measured }) => isWhole || measured !== NOT_MEASURED);

printFacts("Machine", about);
if (rows.length > 0) printRows("CPU of the Envoy process", rows);
if (profile.length > 0) printProfile(profile);
if (facts.length > 0) printFacts("Ring and memory", facts);
if (changeFacts.length > 0) printFacts("Changes of the ring, 1,000 servers", changeFacts);
if (callbackTimes.length > 0) printHistograms("How long a callback takes while the ring changes (emulator)", callbackTimes);
if (loops.length > 0) printHistograms("How long a turn of a worker's event loop takes (Envoy's loop_duration_us, two workers)", loops);
if (isWhole || options.changes) printGoals(reached);
if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify({ machine: about, rows, profile, facts: [...facts, ...changeFacts], callbacks: callbackTimes, loops, goals: reached }, null, 2)}\n`);
