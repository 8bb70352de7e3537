/**
 * `npm run bench`: what it costs to bring a message to many sockets, of Ringway and of what a user would pick instead.
 *
 *   --quick           less of everything: at most 50 s
 *   --only A,B        these scenarios: single, burst, spread, mixed, subscribers, channels, latency, idle, storm
 *   --systems A,B     these systems; --list names them
 *   --rounds N        instead of 3
 *   --sockets N       in idle, instead of 2,000; a multiple of 100. Each takes a file of the system and one of the load: mind `ulimit -n`
 *   --json FILE       the same rows, for a program
 *   --profile DIR     instead of figures to compare: where the Node servers' CPU goes, by V8's profiler, which slows them; the profiles stay in DIR
 */
import { mkdir, writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildWasm } from "../../../services/launch/build.ts";
import { fact, machineFacts, printFacts } from "../facts.ts";
import { isPinned } from "../pin.ts";
import { printGoals } from "../goals.ts";
import { Bench } from "./bench.ts";
import { measure, type Effort } from "./cells.ts";
import { idleKiB, idles, storm, type Storm } from "./connections.ts";
import { goals } from "./goals.ts";
import { printProfiles } from "./profile.ts";
import { connectionRow, printConnections, printRows, rowOf, stormRows, type ConnectionRow, type Row } from "./report.ts";
import { connectionScenarios, scenarios } from "./scenarios.ts";
import type { System } from "./system.ts";
import { systems as allSystems } from "./systems.ts";

const flag = { type: "boolean", default: false } as const;
const { values: options } = parseArgs({ options: { quick: flag, list: flag, only: { type: "string" }, systems: { type: "string" }, rounds: { type: "string" }, sockets: { type: "string" }, json: { type: "string" }, profile: { type: "string" } } });
const say = (line: string): void => console.error(`${performance.now().toFixed(0).padStart(7)} ms  ${line}`);

/** With --quick nothing is begun after this. A machine that is busy with other things gets through less, and it is said. */
const QUICK_MS = 40_000;
const quickScenarios = ["single", "burst", "spread", "mixed", "idle"];
const quickSystems = ["ringway-gateway", "ringway-envoy", "ws-gathered", "ws-gathered+envoy"];

const rounds = Number(options.rounds ?? (options.quick ? 1 : 3));
const effort: Effort = options.quick ? { rounds, ms: 600, longestMs: 1_500, warmUpMs: 400, firstWarmUpMs: 400 } : { rounds, ms: 1_500, warmUpMs: 1_000, firstWarmUpMs: 6_000 };
const idleSockets = Number(options.sockets ?? (options.quick ? 1_000 : 2_000));
const stormShape = { groups: 1, socketsPerGroup: options.quick ? 500 : 1_000, channelsPerGroup: 20 };

/** @throws Error that names what is not there */
function chosen(names: string | undefined, known: readonly string[], usual: readonly string[]): readonly string[] {
  const wanted = names?.split(",") ?? usual;
  const strange = wanted.find((name) => !known.includes(name));
  if (strange !== undefined) throw new Error(`there is no ${strange}; there is ${known.join(", ")}`);
  return known.filter((name) => wanted.includes(name));
}

async function present(names: readonly string[]): Promise<System[]> {
  const found: System[] = [];
  for (const system of allSystems.filter(({ name }) => names.includes(name))) {
    const missing = await system.missing?.();
    if (missing === undefined) found.push(system);
    else say(`${system.name} is left out: ${missing}`);
  }
  return found;
}

function takesPart({ scenarios }: System, scenario: string): boolean {
  return scenarios?.includes(scenario) ?? true;
}

function isLate(what: string): boolean {
  const late = options.quick && performance.now() > QUICK_MS;
  if (late) say(`left out for want of time: ${what}`);
  return late;
}

const knownSystems = allSystems.map(({ name }) => name);
const knownScenarios = [...scenarios.map(({ name }) => name), ...connectionScenarios];
if (options.list) {
  console.log(`systems: ${knownSystems.join(", ")}\nscenarios: ${knownScenarios.join(", ")}`);
  process.exit();
}
const only = chosen(options.only, knownScenarios, options.quick ? quickScenarios : knownScenarios);
const usualSystems = allSystems.filter(({ isVariant }) => isVariant !== true).map(({ name }) => name);
const systems = await present(chosen(options.systems, knownSystems, options.quick ? quickSystems : usualSystems));
await buildWasm(say);
const busyBefore = loadavg()[0] ?? NaN;
const rows: Row[] = [];
const connections: ConnectionRow[] = [];
const failures: { readonly failed: string; readonly system: string }[] = [];

/** Values of one figure, a round after the other; the first failure ends them. */
async function values<T>(count: number, work: () => Promise<T>): Promise<T[] | { readonly failed: string }> {
  const list: T[] = [];
  try {
    for (let i = 0; i < count; i++) list.push(await work());
    return list;
  } catch (error) {
    return { failed: (error as Error).message };
  }
}

if (options.profile !== undefined) {
  await mkdir(options.profile, { recursive: true });
  process.env["RINGWAY_BENCH_PROFILE_DIR"] = resolve(options.profile);
}
const benches: Bench[] = [];
try {
  if (only.some((name) => name !== "idle")) {
    say(`starting ${systems.map(({ name }) => name).join(", ")} …`);
    for (const [i, result] of (await Promise.allSettled(systems.map((system) => Bench.start(system)))).entries()) {
      if (result.status === "fulfilled") benches.push(result.value);
      else failures.push({ system: systems[i]!.name, failed: `did not start: ${(result.reason as Error).message}` });
    }
  }
  for (const scenario of scenarios.filter(({ name }) => only.includes(name))) {
    for (const cell of scenario.cells) {
      if (isLate(`${scenario.name}, ${cell.label}`)) continue;
      say(`${scenario.name}, ${cell.label} …`);
      const isWithoutEnvoy = scenario.without === "envoy" || (options.quick && scenario.name !== "mixed");
      const compared = benches.filter(({ system }) => takesPart(system, scenario.name) && (!isWithoutEnvoy || system.usesEnvoy !== true));
      for (const [{ system }, runs] of await measure(compared, cell, effort)) rows.push(rowOf(scenario.name, cell.label, system.name, runs));
    }
  }
  if (only.includes("storm") && !isLate("storm")) {
    say("storm …");
    const storms = new Map(benches.filter(({ system }) => takesPart(system, "storm")).map((bench) => [bench, [] as Storm[]]));
    const broken = new Map<Bench, { readonly failed: string }>();
    for (let round = 0; round <= rounds; round++) {
      for (const [bench, list] of storms) {
        const done = broken.has(bench) ? broken.get(bench)! : await values(1, () => storm(bench, stormShape));
        if ("failed" in done) broken.set(bench, done);
        else if (round > 0) list.push(...done);
      }
    }
    for (const [bench, list] of storms) connections.push(...stormRows(bench.system.name, broken.get(bench) ?? list));
  }
} finally {
  await Promise.all(benches.map((bench) => bench.stop()));
}
if (only.includes("idle")) {
  for (const { label, shape } of options.quick ? idles(idleSockets).slice(0, 1) : idles(idleSockets)) {
    for (const system of systems.filter((system) => takesPart(system, "idle") && (!options.quick || system.usesEnvoy !== true))) {
      if (isLate(`idle, ${system.name}`)) continue;
      say(`idle, ${label}, ${system.name} …`);
      connections.push(connectionRow("idle", label, system.name, "KiB per connection", await values(rounds, () => idleKiB(system, shape))));
    }
  }
}

printFacts("Machine", [
  ...(await machineFacts([fact("pinned to cores", isPinned() ? "systems 0, load 1" : "no")])),
  fact("load average before and after (the bench itself makes about 2)", `${busyBefore.toFixed(1)}, ${(loadavg()[0] ?? NaN).toFixed(1)}`),
]);
for (const { name, title, about } of scenarios) {
  const own = rows.filter(({ scenario }) => scenario === name);
  if (own.length > 0) printRows(title, about, own, rounds);
}
if (connections.length > 0) printConnections(connections, rounds);
const reached = goals(rows, connections);
printGoals(reached, 3);
if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify({ rows, connections, goals: reached }, null, 2)}\n`);
if (options.profile !== undefined) await printProfiles(options.profile);
for (const row of [...rows, ...connections]) if (row.failed !== undefined) failures.push({ failed: row.failed, system: row.system });
if (failures.length > 0) {
  say(`failed: ${failures.map(({ system, failed }) => `${system} (${failed})`).join("; ")}`);
  process.exitCode = 1;
}
