/** One run: a plane, people and faults, all drawn from a seed, and what must hold. */
import { loadRingModule, type RingModule } from "../../services/ring/ring.ts";
import { drawFaults, undrainSome } from "./faults.ts";
import { Broken } from "./ledger.ts";
import { Plane, type PlaneOptions } from "./plane.ts";
import { PresenceWatch } from "./presence-watch.ts";
import { Random } from "./random.ts";
import { misled, unsettled } from "./settle.ts";
import { Workload } from "./workload.ts";

/** When faults begin, with the plane just starting or up for a while, and how long they go on, ms. */
const beginMs = { least: 100, most: 3_000 };
const faultsMs = 9_000;
/** All must be well this long after the last fault ended, ms. */
const settleMs = 60_000;
/** How often that is looked at, ms. */
const lookMs = 250;
/** After the last cut a gateway has its links again within this time, and has heard who left a channel meanwhile. */
const relinkMs = 2_000;

export interface Result {
  readonly seed: number;
  /** undefined where all held */
  readonly failure: string | undefined;
  readonly digest: number;
  readonly steps: number;
  readonly faults: readonly string[];
  readonly delivered: number;
  readonly acked: number;
  /** gaps of which a session was told that had been away for too long */
  readonly gaps: number;
  /** the longest times that a client saw somebody's presence wrongly, ms */
  readonly presence: { readonly away: number; readonly active: number };
  /** virtual time, ms */
  readonly endedAt: number;
}

export function loadRing(): Promise<RingModule> {
  return loadRingModule("000102030405060708090a0b0c0d0e0f");
}

const drawSize = (random: Random): Pick<PlaneOptions, "channels" | "gateways" | "presences"> => ({ channels: 3 + random.below(2), gateways: 2 + random.below(2), presences: 2 });

/** So short at times that who was away for long is told of a gap. */
const drawWindow = (random: Random): Pick<PlaneOptions, "window"> =>
  random.chance(0.3) ? { window: { resumeMs: random.pick([2_000, 6_000, 300_000]), resumeEvents: random.pick([3, 30, 10_000]) } } : {};

/** @param trace is given one line an event */
export function simulate(ring: RingModule, seed: number, trace?: (line: string) => void): Result {
  const random = new Random(seed, "run");
  const plane = new Plane(ring, seed, { ...drawSize(random), ...drawWindow(random), reconnectsPerSecond: random.pick([1, 2, 200]), stepShare: random.pick([0.05, 0.2, 0.2]) }, trace);
  const { kernel, monitor } = plane.world;
  const work = new Workload(plane, new Random(seed, "people"));
  const from = random.chance(0.3) ? beginMs.least : beginMs.most;
  const until = from + faultsMs;
  const faults = drawFaults(new Random(seed, "faults"), plane, random.below(15), from, until);
  const watch = new PresenceWatch(plane);
  plane.world.onPresence = (client, user, active) => watch.told(client, user, active);
  work.plan(beginMs.least, until, 25 + random.below(75));
  for (const { at, text, strike } of faults) {
    kernel.at(at, () => {
      plane.world.trace.line(() => `--- ${text}`);
      strike(plane);
    });
  }
  let failure: string | undefined;
  try {
    plane.start();
    kernel.run(Math.max(until, ...faults.map(({ at, forMs }) => at + forMs)));
    for (const client of plane.clients) client.start();
    undrainSome(plane);
    settle(plane, () => [...work.unfinished(), ...unsettled(plane)]);
    kernel.run(kernel.now + relinkMs);
    const probes = work.probe();
    settle(plane, () => [...work.unfinished(), ...misled(plane, probes)]);
    if (random.chance(0.15)) {
      const { user } = random.pick(plane.clients);
      for (const client of plane.clients) if (client.user === user) client.leave();
      settle(plane, () => unsettled(plane));
    }
    monitor.checkLog();
  } catch (error) {
    failure = error instanceof Broken ? error.message : String((error as Error).stack);
  } finally {
    plane.dispose();
  }
  return {
    seed,
    failure,
    digest: kernel.digest,
    steps: kernel.steps,
    faults: faults.map(({ at, text }) => `${Math.round(at)} ms: ${text}`),
    delivered: monitor.delivered,
    acked: monitor.acked.length,
    gaps: monitor.gaps,
    presence: watch.longest,
    endedAt: Math.round(kernel.now),
  };
}

function settle(plane: Plane, reasons: () => string[]): void {
  const { kernel, charm } = plane.world;
  const deadline = kernel.now + settleMs;
  for (;;) {
    kernel.run(kernel.now + lookMs);
    const left = reasons();
    if (left.length === 0) return;
    undrainSome(plane); // a wish that charm could not take at its time may come now
    // More than half of a pool went at once: charm waits for an operator's word.
    if (charm !== undefined && charm.held.length > 0) plane.world.charm?.release();
    if (kernel.now > deadline) throw new Broken(`not settled ${settleMs} ms after the last fault: ${left.join("; ")}`);
  }
}

/** The command that runs a seed alone and tells all of it. */
export const again = (seed: number): string => `npm run -s sim -- --seed ${seed} --seeds 1 --trace`;

/** What a failing seed prints: its faults, the end of its trace, and how to see it again. */
export function explain(ring: RingModule, { seed, failure, faults }: Result, lines = 60): string {
  const trace: string[] = [];
  simulate(ring, seed, (line) => trace.push(line));
  return [`seed ${seed}: ${failure}`, ...faults, `… ${trace.length} lines, the last ${lines}:`, ...trace.slice(-lines), `again: ${again(seed)}`].join("\n");
}
