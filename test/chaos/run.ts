/**
 * `npm run chaos`: what people and machines do to a plane, on real processes, from a seed; and whether anything acked was lost.
 *
 *   --seed N           to whom it happens, in which order (default 1)
 *   --only ROW,…       these kinds of events; ROW:N is N of that kind
 *   --events N         of each other kind (default 1)
 *   --minutes N        instead: at random, for so long; without it and without --only: once through all kinds, in their short form
 *   --seconds N        begin no event after this time, and say which were left out
 *   --begin-with ROW   once through all kinds, beginning with this one
 *   --store lmdb|postgres
 *   --json FILE        the figures, for a program
 *   --keep             keep the logs, whatever comes of it
 *   --plain            on the machine's own loopback, as where namespaces are not permitted
 *
 * Exit code 0: nothing was lost, doubled, reordered or acked in vain; 1: something was, and here are seed and log; 2: it can't be run.
 * Times that miss a target are printed and fail nothing.
 */
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { writeLog } from "../../services/delivery/log-file.ts";
import { numbers } from "../../services/delivery/numbers.ts";
import { lines, verdictOf } from "../../services/delivery/report.ts";
import { CheckError, DeliveryRun } from "../../services/delivery/run.ts";
import { untilThrough } from "../stalls.ts";
import { findPostgres, startPostgres } from "../engines/postgres.ts";
import { devTokens } from "../../services/webapp/dev.ts";
import { findEnvoy } from "../../services/launch/find-envoy.ts";
import { Attendance } from "./attendance.ts";
import { enter, isInside, moveIn, whyNot } from "./namespaces.ts";
import { ChaosPlane, root } from "./plane.ts";
import { broken, type Span } from "./presence-judge.ts";
import { Pulse } from "./pulse.ts";
import { makeAct, missing, rowNames, type Act, type Means, type RowName } from "./rows.ts";
import { markdown, tableOf, type Figures } from "./table.ts";

const options = readOptions();
const say = (line: string): void => void process.stderr.write(`${(performance.now() / 1_000).toFixed(1).padStart(7)} s  ${line}\n`);

if (!isInside) {
  const reason = options.plain ? "--plain" : whyNot();
  if (reason === undefined) {
    // Inside there is no way to the world, where one may have to be fetched from.
    process.env["ENVOY_BIN"] = await findEnvoy(join(root, ".cache", "envoy"), say);
    process.exit(await enter(import.meta.filename));
  }
  say(`no namespaces of its own (${reason}): the rows that need them are left out`);
}
if (isInside) moveIn();
process.exitCode = await chaos();

async function chaos(): Promise<number> {
  const data = await mkdtemp(join(tmpdir(), "ringway-chaos-"));
  const postgres = options.store === "postgres" ? await startPostgres() : undefined;
  const wanted = options.only === undefined ? [...rowNames.slice(options.first), ...rowNames.slice(0, options.first)] : [...options.only.keys()];
  const means: Means = {
    cuttable: isInside && postgres === undefined,
    smallDisk: isInside && options.store === "lmdb" && wanted.includes("disk-full"),
    writesRefusable: spawnSync("prlimit", ["--version"]).status === 0,
    postgres,
    short: options.only === undefined && options.minutes === undefined,
  };
  const plane = new ChaosPlane({ data, store: postgres?.url ?? options.store, cuttable: means.cuttable, diskMiB: means.smallDisk ? (means.short ? 192 : 1_024) : undefined, people: ["here", "there", "guest", "visitor"], say });
  let interrupted = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => (interrupted = true));
  let failed = true;
  try {
    await plane.start();
    say(`${plane.url} is up; seed ${options.seed}, store ${options.store}${means.smallDisk ? " on a small disk in memory" : ""}, load ${loadavg()[0]!.toFixed(1)}`);
    const tokens = Object.keys(devTokens);
    const run = new DeliveryRun({ api: plane.url, tokens, channels: 12, writers: 4, readers: 8, rate: 25, seed: options.seed, patienceMs: 90_000, settleMs: 30_000 });
    await run.start();
    const pulse = new Pulse(plane.url, [tokens[0]!, tokens[1]!], run.channels[0]!);
    const [here, there, guest, visitor] = plane.people;
    const attendance = new Attendance(plane.url, [here!, there!, guest!, visitor!]);
    await Promise.all([pulse.start(), attendance.start()]);
    const lag = monitorEventLoopDelay({ resolution: 10 });
    lag.enable();
    const beganAt = performance.now();
    const measured: Measured[] = [];
    for (const act of schedule(wanted, means, () => interrupted || performance.now() - beganAt > options.forMs)) {
      const one = await perform(act, plane, run, pulse);
      if (interrupted) break;
      measured.push(one);
      say(`${act.row}: ${act.text}: publish ${Math.round(one.publishMs)} ms, end to end ${Math.round(one.endToEndMs)} ms, live ${Math.round(one.liveMs)} ms${Object.entries(one.refused).map(([reason, times]) => `, ${times} ${reason}`).join("")}`);
      if (one.broken.length > 0) break;
    }
    const seconds = (performance.now() - beganAt) / 1_000;
    const [seen] = await Promise.all([attendance.stop(measured), pulse.stop()]);
    const figures = measured.map(({ hurtsPresence: _, ...one }, i): Figures => ({ ...one, presence: seen[i]!, broken: [...one.broken, ...broken(seen[i]!)] }));
    for (const { row, text, broken } of figures) for (const fault of broken) say(`${row}: ${text}: ${fault}`);
    const verdict = await run.stop(false).catch((error: unknown) => {
      if (!(error instanceof CheckError)) throw error;
      say(error.message);
      return undefined;
    });
    failed = verdict === undefined || verdictOf(verdict) !== "kept" || figures.some((one) => one.broken.length > 0);
    const faults = verdict?.faults ?? [];
    const table = tableOf(figures, faults);
    process.stdout.write(`${[...(verdict === undefined ? ["nothing is proven"] : lines(run.plan, verdict, seconds)), "", ...markdown(table), "", `measured on a machine with load ${loadavg().map((load) => load.toFixed(1)).join(" ")}; the checker's own event loop was late by at most ${Math.round(lag.max / 1e6)} ms (median / worst are over the events of a row)`].join("\n")}\n`);
    const log = join(data, "happened.jsonl");
    if (failed || options.keep) await writeLog(log, run.plan, run.happened, run.history);
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify({ seed: options.seed, store: options.store, seconds, load: loadavg(), lagMs: lag.max / 1e6, table, figures, faults: faults.slice(0, 200) }, null, 1)}\n`);
    if (failed) say(`seed ${options.seed} broke something; all that happened is in ${log}, the servers' logs beside it`);
    return failed ? 1 : 0;
  } catch (error) {
    say(await plane.logs(20));
    throw error;
  } finally {
    await plane.stop();
    await postgres?.stop();
    if (!failed && !options.keep) await rm(data, { recursive: true, force: true });
    else say(`logs are kept in ${data}`);
  }
}

/** What is known of an event before all is over. */
type Measured = Omit<Figures, "presence"> & Span;

/** What happens, one after the other, until it is `late`. */
function* schedule(wanted: readonly RowName[], means: Means, late: () => boolean): Generator<Act> {
  const random = numbers(options.seed);
  const possible = wanted.filter((row) => {
    const reason = missing(row, means);
    if (reason !== undefined) say(`${row} is left out: ${reason}`);
    return reason === undefined;
  });
  if (options.minutes !== undefined) {
    while (!late()) yield makeAct(possible[Math.floor(random() * possible.length)]!, random, means);
    return;
  }
  for (const [i, row] of possible.entries()) {
    const events = options.only?.get(row) ?? options.events;
    for (let event = 0; event < events; event++) {
      const act = makeAct(row, random, means);
      if (late()) return say(`no time for ${[`${events - event} ${row}`, ...possible.slice(i + 1)].join(", ")}`);
      yield act;
    }
  }
}

/** One event, from its beginning until the plane is whole and every message is through. */
async function perform(act: Act, plane: ChaosPlane, run: DeliveryRun, pulse: Pulse): Promise<Measured> {
  const from = performance.now();
  const endedBefore = plane.endedByThemselves;
  await act.begin(plane);
  await pause(act.forMs);
  await act.end(plane);
  const broken: string[] = [];
  try {
    await plane.whole(60_000);
    await untilThrough(run.timeline, from - 1_000, 30_000);
  } catch (error) {
    broken.push((error as Error).message);
  }
  const to = performance.now();
  const { publishMs, deliveryMs, endToEndMs, refused } = run.timeline.between(from, to);
  const liveMs = pulse.silenceMs(from, to);
  // Among what the plane refused, so that no target is met by a server that was started again.
  const ended = plane.endedByThemselves - endedBefore;
  await pause(300);
  return { row: act.row, text: act.text, from, to, publishMs, deliveryMs, endToEndMs, liveMs, refused: ended === 0 ? refused : { ...refused, server_ended: ended }, broken, hurtsPresence: act.server?.startsWith("ps-") === true };
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: "1" },
      only: { type: "string" },
      events: { type: "string", default: "1" },
      minutes: { type: "string" },
      seconds: { type: "string" },
      "begin-with": { type: "string", default: rowNames[0]! },
      store: { type: "string", default: "lmdb" },
      json: { type: "string" },
      keep: { type: "boolean", default: false },
      plain: { type: "boolean", default: false },
    },
  });
  const whole = (name: "seed" | "events" | "minutes" | "seconds", least: number): number | undefined => {
    const text = values[name];
    if (text === undefined) return undefined;
    const value = Number(text);
    return Number.isSafeInteger(value) && value >= least ? value : refuse(`--${name} takes a whole number from ${least}, not '${text}'`);
  };
  const only = values.only === undefined ? undefined : new Map(values.only.split(",").map((text) => {
    const [name, times] = text.split(":");
    const row = rowNames.find((known) => known === name) ?? refuse(`--only: '${name}' is none of ${rowNames.join(", ")}`);
    if (times !== undefined && !/^[1-9]\d{0,5}$/.test(times)) refuse(`--only: '${text}' must end with a whole number from 1`);
    return [row, times === undefined ? undefined : Number(times)] as const;
  }));
  if (!["lmdb", "postgres"].includes(values.store)) refuse(`--store is lmdb or postgres, not '${values.store}'`);
  if (values.store === "postgres" && findPostgres() === undefined) refuse("--store postgres needs PostgreSQL's binaries (Debian: apt-get install postgresql; elsewhere set PG_BIN to their folder)");
  const first = rowNames.findIndex((known) => known === values["begin-with"]);
  if (first < 0) refuse(`--begin-with: '${values["begin-with"]}' is none of ${rowNames.join(", ")}`);
  const minutes = whole("minutes", 1);
  const seconds = whole("seconds", 1);
  return { seed: whole("seed", 0)!, events: whole("events", 1)!, only, first, minutes, forMs: seconds !== undefined ? seconds * 1_000 : minutes !== undefined ? minutes * 60_000 : Infinity, store: values.store, json: values.json, keep: values.keep, plain: values.plain };
}

function refuse(text: string): never {
  process.stderr.write(`chaos: ${text}\n`);
  process.exit(2);
}
