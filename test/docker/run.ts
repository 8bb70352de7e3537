/**
 * `npm run test:docker`: the plane of compose.yaml, in containers: official clients, then what may happen to each part of it under load, with the delivery
 * checker's verdict. Needs a Docker daemon; test/docker/with-daemon.sh COMMAND starts one for as long as a command runs.
 *
 *   --short       only the rows that say most (CI)
 *   --only ROW,…  these rows
 *   --events N    of each row (default 1)
 *   --no-clients  not the official clients
 *
 * Exit code 0: all clients did what they must, nothing was lost, doubled, reordered or acked in vain; 1: something was; 2: it can't be run here.
 */
import { loadavg } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { lines, verdictOf } from "../../services/delivery/report.ts";
import { DeliveryRun } from "../../services/delivery/run.ts";
import { devTokens } from "../../services/webapp/dev.ts";
import { runTests } from "../engines/run-tests.ts";
import { reasons, untilThrough } from "../stalls.ts";
import { run } from "./docker.ts";
import { makeImages } from "./images.ts";
import { ComposePlane } from "./plane.ts";
import { rowNames, rows, shortRows, type RowName } from "./rows.ts";
import { markdown, type Event } from "./table.ts";

const say = (line: string): void => void process.stderr.write(`${(performance.now() / 1_000).toFixed(1).padStart(7)} s  ${line}\n`);

/** How long the plane may take to be whole again, and messages to be through. */
const wholeMs = 120_000;
const throughMs = 60_000;

const options = readOptions();
process.exitCode = await main();

async function main(): Promise<number> {
  const { code, err } = await run(["docker", "info"]);
  if (code !== 0) {
    process.stderr.write(`test:docker needs a Docker daemon, and none answers (${err.trim().split("\n").at(-1)}); test/docker/with-daemon.sh COMMAND starts one for a command\n`);
    return 2;
  }
  const plane = await ComposePlane.up(await makeImages(say), say);
  let interrupted = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => (interrupted = true));
  try {
    say(`${plane.url} is up: ${plane.names.length} containers, all healthy; load ${loadavg()[0]!.toFixed(1)}`);
    const clients = options.clients ? await runTests(["test/docker/compose.test.ts"], { RINGWAY_TEST_PROJECT: plane.project, RINGWAY_TEST_URL: plane.url }) : 0;
    const kept = await hurt(plane, () => interrupted);
    return clients === 0 && kept ? 0 : 1;
  } catch (error) {
    say(await plane.logs(20));
    throw error;
  } finally {
    await plane.down();
    say("all of it is removed; the images stay");
  }
}

/** @returns whether all promises were kept */
async function hurt(plane: ComposePlane, isInterrupted: () => boolean): Promise<boolean> {
  const delivery = new DeliveryRun({ api: plane.url, tokens: Object.keys(devTokens), channels: 12, writers: 4, readers: 8, rate: 10, seed: 1, patienceMs: 120_000, settleMs: 60_000 });
  await delivery.start();
  const began = performance.now();
  const events: Event[] = [];
  const broken: string[] = [];
  for (const name of options.rows.flatMap((row) => Array<RowName>(options.events).fill(row))) {
    if (isInterrupted() || broken.length > 0) break;
    try {
      events.push(await perform(name, plane, delivery));
    } catch (error) {
      broken.push(`${name}: ${(error as Error).message}`);
    }
  }
  const seconds = (performance.now() - began) / 1_000;
  const verdict = await delivery.stop(false);
  process.stdout.write(`${[...lines(delivery.plan, verdict, seconds), "", ...markdown(events, verdict.faults), "", `measured on a machine with load ${loadavg().map((load) => load.toFixed(1)).join(" ")}`, ...broken].join("\n")}\n`);
  return broken.length === 0 && verdictOf(verdict) === "kept";
}

/** One event, from its beginning until the plane is whole and every message is through. */
async function perform(name: RowName, plane: ComposePlane, delivery: DeliveryRun): Promise<Event> {
  const row = rows[name]();
  const from = performance.now();
  const note = await row.begin(plane);
  await pause(row.forMs);
  await row.end(plane);
  await plane.whole(wholeMs);
  await untilThrough(delivery.timeline, from - 1_000, throughMs);
  const to = performance.now();
  const stalls = delivery.timeline.between(from, to);
  say(`${name}: ${row.text}: ${note === undefined ? "" : `${note}; `}publish ${Math.round(stalls.publishMs)} ms, end to end ${Math.round(stalls.endToEndMs)} ms, refused ${reasons(stalls.refused)}; whole after ${((to - from) / 1_000).toFixed(1)} s`);
  return { row: name, from, to, ...stalls };
}

function readOptions(): { readonly rows: readonly RowName[]; readonly events: number; readonly clients: boolean } {
  const { values } = parseArgs({ options: { short: { type: "boolean", default: false }, only: { type: "string" }, events: { type: "string", default: "1" }, "no-clients": { type: "boolean", default: false } } });
  const events = Number(values.events);
  if (!Number.isSafeInteger(events) || events < 1) refuse(`--events takes a whole number from 1, not '${values.events}'`);
  const only = values.only?.split(",").map((text) => rowNames.find((known) => known === text) ?? refuse(`--only: '${text}' is none of ${rowNames.join(", ")}`));
  return { rows: only ?? (values.short ? shortRows : rowNames), events, clients: !values["no-clients"] };
}

function refuse(text: string): never {
  process.stderr.write(`test:docker: ${text}\n`);
  process.exit(2);
}
