/**
 * `npm run bench:store`: durable appends a second, and how long each waits, of Ringway's engines beside the bare ones.
 *
 *   --quick        less of everything: at most 60 s
 *   --json FILE    the same rows, for a program
 *   --folder PATH  where lmdb's stores lie while it runs: the disk is what is measured (default: here; PostgreSQL's are in TMPDIR)
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { fact, printFacts, type Fact } from "../facts.ts";
import { printGoals } from "../goals.ts";
import { machine, syncTimes } from "./machine.ts";
import { startServer } from "./postgres.ts";
import { Subject } from "./process.ts";
import { goals, printRows, rowsOf, type Row } from "./report.ts";
import type { Sample } from "./subject.ts";
import { kinds, type Kind } from "./workload.ts";

const { values: options } = parseArgs({ options: { quick: { type: "boolean", default: false }, json: { type: "string" }, folder: { type: "string", default: "." } } });
const say = (line: string): void => console.error(`${performance.now().toFixed(0).padStart(7)} ms  ${line}`);
const { rounds, ms } = options.quick ? { rounds: 3, ms: 400 } : { rounds: 15, ms: 1_000 };

/** Rounds in which each has a turn, each round begun by another; the first warms up and doesn't count. */
async function measure(subjects: readonly Subject[], writers: number): Promise<Map<Kind, Sample[]>> {
  const samples = new Map<Kind, Sample[]>(subjects.map(({ kind }) => [kind, []]));
  for (let round = 0; round <= rounds; round++) {
    for (let i = 0; i < subjects.length; i++) {
      const subject = subjects[(round + i) % subjects.length]!;
      const sample = await subject.run({ writers, ms: round === 0 ? ms / 2 : ms });
      if (round > 0) samples.get(subject.kind)!.push(sample);
    }
  }
  return samples;
}

/** @param places of its subjects, which take turns */
async function bench(engine: string, places: ReadonlyMap<Kind, string>): Promise<Row[]> {
  const subjects: Subject[] = [];
  const rows: Row[] = [];
  try {
    for (const [kind, place] of places) subjects.push(await Subject.start(engine, kind, place));
    for (const writers of [1, 16, 256]) {
      say(`${engine}, ${writers} writers …`);
      rows.push(...rowsOf(engine, writers, await measure(subjects, writers)));
    }
  } finally {
    await Promise.all(subjects.map((subject) => subject.stop()));
  }
  return rows;
}

const about: Fact[] = await machine();
const busyBefore = loadavg()[0] ?? NaN;
const folder = await mkdtemp(join(resolve(options.folder), ".bench-store-"));
const rows: Row[] = [];
try {
  about.push(...(await syncTimes(folder)));
  // Nothing lies beneath the memory engine that could be measured by itself.
  rows.push(...(await bench("memory", new Map([["ringway", ""]]))));
  rows.push(...(await bench("lmdb", new Map(kinds.map((kind, i) => [kind, join(folder, `lmdb-${i}`)])))));
} finally {
  await rm(folder, { recursive: true, force: true });
}
const server = await startServer();
if (server === undefined) say("postgres is left out: its binaries are missing (Debian: apt-get install postgresql; elsewhere set PG_BIN to their folder)");
else {
  try {
    about.push(server.version);
    rows.push(...(await bench("postgres", server.places)));
  } finally {
    await server.stop();
  }
}
about.push(fact("load average before and after (the bench itself makes about 1)", `${busyBefore.toFixed(1)}, ${(loadavg()[0] ?? NaN).toFixed(1)}`));
const reached = goals(rows);
printFacts("Machine", about);
printRows(rows);
printGoals(reached);
if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify({ machine: about, rows, goals: reached }, null, 2)}\n`);
