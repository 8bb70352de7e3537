/** Changes of the ring in a real Envoy with two workers under load: how soon both route by the new one, and how long the change holds them up. */
import { setTimeout as sleep } from "node:timers/promises";
import { FakeCharm } from "../../filter/fake-charm.ts";
import { spread } from "../stats.ts";
import { bootstrap, type Variant } from "./config.ts";
import { documents } from "./documents.ts";
import { BenchEnvoy } from "./envoy.ts";
import { EpochClients, EpochServers } from "./epochs.ts";
import { quantile, weightedHistogram, type Histogram, type Weighted } from "./histogram.ts";
import { between, connectionsOf, LOOP_STATS, loopsOf } from "./loops.ts";
import type { Fact } from "../facts.ts";

const SERVERS = 1_000;
const CONNECTIONS = 16;
/** Changes before V8 has compiled for good what the filter does. */
const WARM_UP = 20;
const TICK_MS = 20;

export interface Changes {
  readonly facts: readonly Fact[];
  /** Envoy's event loops: at the start, with changes, and as long without. */
  readonly histograms: readonly Histogram[];
}

/**
 * @param changes that count
 * @param blocks of changes, each with a stretch without any behind it, so that the noise of the machine hits both alike
 */
export async function ringChanges(ringway: Variant, changes: number, blocks: number): Promise<Changes> {
  const charm = new FakeCharm();
  const servers = new EpochServers();
  const clients = new EpochClients();
  let envoy: BenchEnvoy | undefined;
  try {
    await charm.start();
    const ports = await servers.start(SERVERS);
    const sealed = documents(1 + WARM_UP + changes, SERVERS, (i) => `127.0.0.1:${ports[i]}`);
    let epoch = 0;
    const change = async (): Promise<number> => {
      const document = sealed[epoch++];
      const started = performance.now();
      charm.publish(document);
      return (await clients.reached(epoch)) - started;
    };
    // At every phase of the tick, not at the one where the change before became visible.
    const pause = (): Promise<unknown> => Promise.race([sleep(((epoch * 0.618) % 1) * 2 * TICK_MS), clients.failure]);

    envoy = await BenchEnvoy.start(bootstrap(ringway, { charm: charm.port, servers: ports }, LOOP_STATS), 2);
    await clients.start(envoy.port, CONNECTIONS);
    const workers = await connectionsOf(envoy);
    if (workers.length !== 2 || workers.includes(0)) throw new Error(`connections by worker: ${workers.join(", ")}; both must have some`);
    const idle = await loopsOf(envoy);
    for (let i = 0; i < 1 + WARM_UP; i++) {
      await change();
      await pause();
    }
    const start = between(idle, await loopsOf(envoy));

    const visibleMs: number[] = [];
    const changing: Weighted[][] = [];
    const quiet: Weighted[][] = [];
    for (let block = 0; block < blocks; block++) {
      const before = await loopsOf(envoy);
      const started = performance.now();
      for (let i = 0; i < changes / blocks; i++) {
        visibleMs.push(await change());
        await pause();
      }
      const tookMs = performance.now() - started;
      const middle = await loopsOf(envoy);
      await Promise.race([sleep(tookMs), clients.failure]);
      changing.push(between(before, middle));
      quiet.push(between(middle, await loopsOf(envoy)));
    }
    return {
      facts: [...visible(visibleMs, workers), ...stalls(changing, quiet, (changes / blocks) * workers.length)],
      histograms: [
        weightedHistogram(`first ${1 + WARM_UP} changes`, start),
        weightedHistogram(`${changes} changes`, changing.flat()),
        weightedHistogram("as long without changes", quiet.flat()),
      ],
    };
  } finally {
    clients.stop();
    await Promise.all([envoy?.stop(), charm.stop(), servers.stop()]);
  }
}

function visible(visibleMs: readonly number[], workers: readonly number[]): Fact[] {
  const sorted = visibleMs.map((us) => ({ us, count: 1 })).sort((a, b) => a.us - b.us);
  const fact = (what: string, ms: number): Fact => ({ name: `change visible on all workers, ${what}`, value: Number(ms.toFixed(1)), unit: `ms of ${visibleMs.length} changes` });
  return [
    fact("p50", quantile(sorted, 0.5)),
    fact("p99", quantile(sorted, 0.99)),
    fact("max", quantile(sorted, 1)),
    { name: "connections of each worker", value: workers.join(", "), unit: "" },
  ];
}

/** @param adoptions in each block, by all workers */
function stalls(changing: readonly Weighted[][], quiet: readonly Weighted[][], adoptions: number): Fact[] {
  const long = (loops: readonly Weighted[]): number => loops.filter(({ us }) => us > 1_000).reduce((sum, { count }) => sum + count, 0);
  const added = changing.map((loops, block) => ((long(loops) - long(quiet[block] ?? [])) / adoptions) * 100);
  return [
    { name: "turns of a worker's loop > 1 ms, with changes", value: long(changing.flat()), unit: `(${adoptions * changing.length} adoptions)` },
    { name: "turns of a worker's loop > 1 ms, as long without", value: long(quiet.flat()), unit: "" },
    { name: "turns of a worker's loop > 1 ms that changes add", value: Number(spread(added).median.toFixed(1)), unit: `per 100 adoptions, median of ${changing.length} blocks` },
  ];
}
