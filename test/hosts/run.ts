/**
 * `npm run test:hosts`: planes of several zones and regions, each process in a network of its own, and what is lost when a zone is cut off or an ocean
 * lies between. `npm run regions` measures the latter at full rate.
 *
 *   --only zone-cut,regions   these scenarios (default both)
 *   --times N                 how often a zone is cut off, and the ocean down (default 3)
 *   --one-way-ms N            the ocean's delay each way (default 40)
 *   --gather-ms N             the gateways' flag of that name (default 10; their own default is 20)
 *   --rate N                  messages per second across it (default 200)
 *   --seconds N               for so long (default 8)
 *   --readers N               readers at each far gateway, where it is shown that their number does not matter (default 50)
 *   --keep                    keep the logs, whatever comes of it
 *
 * Exit code 0: nothing was lost, doubled or reordered, and a message crosses once; 1: else; 2: it can't be run, with the reason printed. Times that miss a target are printed and
 * fail nothing.
 */
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { findEnvoy } from "../../services/launch/find-envoy.ts";
import { enter, isInside, moveIn, whyNot } from "../chaos/namespaces.ts";
import { Ocean } from "./ocean.ts";
import { markdown, type Outcome } from "./outcome.ts";
import { HostsPlane, type HostsOptions } from "./plane.ts";
import { Regions, regionSites } from "./regions.ts";
import { cutSites, zoneCut } from "./zone-cut.ts";

const scenarios = ["zone-cut", "regions"];
const options = readOptions();
const say = (line: string): void => void process.stderr.write(`${(performance.now() / 1_000).toFixed(1).padStart(7)} s  ${line}\n`);

if (!isInside) {
  const noNamespaces = whyNot();
  const noOcean = options.only.includes("regions") ? Ocean.whyNot() : undefined;
  const reason = noNamespaces === undefined ? noOcean : `network namespaces can't be had here (${noNamespaces})`;
  if (reason !== undefined) {
    process.stderr.write(`hosts: ${options.only.join(", ")} can't be run: ${reason}\n`);
    process.exit(2);
  }
  // Inside there is no way to the world, where one may have to be fetched from.
  process.env["ENVOY_BIN"] = await findEnvoy(join(fileURLToPath(new URL("../../", import.meta.url)), ".cache", "envoy"), say);
  process.exit(await enter(import.meta.filename));
}
moveIn();
process.exitCode = await hosts();

async function hosts(): Promise<number> {
  const data = await mkdtemp(join(tmpdir(), "ringway-hosts-"));
  const outcomes: Outcome[] = [];
  let isDone = false;
  // What was started ends with its parent.
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      rmSync(data, { recursive: true, force: true });
      process.exit(1);
    });
  }
  try {
    if (options.only.includes("zone-cut")) {
      await onPlane({ data: join(data, "zones"), sites: cutSites, network: "cabled", say }, async (plane) => {
        outcomes.push(await zoneCut(plane, options.times, 5_000, say));
      });
    }
    if (options.only.includes("regions")) await acrossTheOcean(join(data, "regions"), outcomes);
    isDone = true;
  } finally {
    process.stdout.write(`${[...markdown(outcomes, "lmdb"), "", `measured on a machine with load ${loadavg().map((load) => load.toFixed(1)).join(" ")}`].join("\n")}\n`);
    const isKept = isDone && outcomes.every((outcome) => outcome.isKept);
    if (isKept && !options.keep) await rm(data, { recursive: true, force: true });
    else say(`logs are kept in ${data}`);
  }
  return outcomes.every(({ isKept }) => isKept) ? 0 : 1;
}

async function acrossTheOcean(data: string, outcomes: Outcome[]): Promise<void> {
  const { oneWayMs, rate, seconds, times, readers, gatherMs } = options;
  let ocean: Ocean | undefined;
  const join = async (): Promise<void> => void (ocean = await Ocean.open(oneWayMs));
  try {
    // Nobody's messages are to be refused for being many. What a gateway gathers for a busy reader is part of the way, and as long as half an ocean by default.
    const env = { RINGWAY_USER_MESSAGES_PER_SECOND: "0", RINGWAY_GATHER_MS: String(gatherMs) };
    await onPlane({ data, sites: regionSites, network: "apart", join, env, say }, async (plane) => {
      const regions = new Regions(plane, ocean!, { oneWayMs, rate, seconds, gatherMs, say });
      outcomes.push(await regions.crossing("home"));
      outcomes.push(await regions.crossing("far"));
      outcomes.push(await regions.once(readers));
      outcomes.push(await regions.flaps(times, 3_000, 1));
    });
  } finally {
    await ocean?.close();
  }
}

/** Networks of one run have the same names: one plane at a time. */
async function onPlane(how: HostsOptions, work: (plane: HostsPlane) => Promise<void>): Promise<void> {
  const plane = await HostsPlane.start(how);
  say(`${how.sites.map(({ zone }) => zone).join(" and ")} are up, load ${loadavg()[0]!.toFixed(1)}`);
  try {
    await work(plane);
  } catch (error) {
    say(await plane.logs(20));
    throw error;
  } finally {
    await plane.stop();
  }
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      only: { type: "string", default: scenarios.join(",") },
      times: { type: "string", default: "3" },
      "one-way-ms": { type: "string", default: "40" },
      "gather-ms": { type: "string", default: "10" },
      rate: { type: "string", default: "200" },
      seconds: { type: "string", default: "8" },
      readers: { type: "string", default: "50" },
      keep: { type: "boolean", default: false },
    },
  });
  const whole = (name: "times" | "one-way-ms" | "gather-ms" | "rate" | "seconds" | "readers"): number => {
    const value = Number(values[name]);
    return Number.isSafeInteger(value) && value >= 1 ? value : refuse(`--${name} takes a whole number from 1, not '${values[name]}'`);
  };
  const only = values.only.split(",");
  const stranger = only.find((name) => !scenarios.includes(name));
  if (stranger !== undefined) refuse(`--only: '${stranger}' is none of ${scenarios.join(", ")}`);
  return { only, times: whole("times"), oneWayMs: whole("one-way-ms"), gatherMs: whole("gather-ms"), rate: whole("rate"), seconds: whole("seconds"), readers: whole("readers"), keep: values.keep };
}

function refuse(text: string): never {
  process.stderr.write(`hosts: ${text}\n`);
  process.exit(2);
}
