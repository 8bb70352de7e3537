/** One cell of the table: all variants side by side at so many servers, measured in turns so that noise hits all alike. */
import { FakeCharm } from "../../filter/fake-charm.ts";
import { seal } from "../../filter/setup.ts";
import { bootstrap, type Variant } from "./config.ts";
import { BenchEnvoy } from "./envoy.ts";
import { Peer } from "./peer.ts";

export interface Effort {
  readonly rounds: number;
  /** Of one variant's turn in a round. Short, so that the turns of a round meet the same noise. */
  readonly sliceMs: number;
  /** Requests after a start: every channel at least once, and enough for V8 to have compiled what is hot. */
  readonly warmUpRequests: number;
}

/** What one variant's turns gave, one entry per round. */
export interface Samples {
  readonly cpuUs: number[];
  readonly requestsPerS: number[];
}

/** One variant with its Envoy, its peers and, for Ringway's, its charm. */
export class Bench {
  readonly variant: Variant;
  readonly envoy: BenchEnvoy;
  readonly peer: Peer;
  readonly #charm: FakeCharm;
  requests = 0;

  private constructor(variant: Variant, envoy: BenchEnvoy, peer: Peer, charm: FakeCharm) {
    this.variant = variant;
    this.envoy = envoy;
    this.peer = peer;
    this.#charm = charm;
  }

  static async start(variant: Variant, servers: number): Promise<Bench> {
    const charm = new FakeCharm();
    const peer = new Peer();
    try {
      await charm.start();
      const ports = await peer.listen(servers);
      const pool = (prefix: string) => ports.map((port, i) => ({ id: `${prefix}-${i}`, addr: `127.0.0.1:${port}`, zone: "a", weight: 100, state: "up" as const }));
      charm.publish(seal(1, { channel: pool("cs"), gateway: pool("gw") }).binary);
      const envoy = await BenchEnvoy.start(bootstrap(variant, { charm: charm.port, servers: ports }));
      await peer.target(envoy.port, variant.clientChooses ? ports : undefined);
      const bench = new Bench(variant, envoy, peer, charm);
      await bench.#ready();
      return bench;
    } catch (error) {
      await Promise.all([peer.stop(), charm.stop()]);
      throw error;
    }
  }

  /** Until a whole lot of requests is answered 2xx: Ringway's filter has its ring. */
  async #ready(): Promise<void> {
    for (let tries = 0; tries < 100; tries++) {
      if ((await this.peer.load(1_000, 100)).failed === 0) return;
    }
    throw new Error(`${this.variant.name} does not answer`);
  }

  /** Puts load on it. @returns CPU µs of Envoy per request, and requests per second */
  async slice(ms: number, count?: number): Promise<{ cpuUs: number; requestsPerS: number }> {
    const before = await this.envoy.cpuUs();
    const { answered, failed, ms: took } = await this.peer.load(ms, count);
    const after = await this.envoy.cpuUs();
    if (answered === 0) return { cpuUs: 0, requestsPerS: 0 };
    if (failed > 0) throw new Error(`${this.variant.name}: ${failed} of ${answered} requests failed`);
    this.requests += answered;
    return { cpuUs: (after - before) / answered, requestsPerS: (answered / took) * 1_000 };
  }

  async stop(): Promise<void> {
    await Promise.all([this.peer.stop(), this.envoy.stop(), this.#charm.stop()]);
  }
}

/** Starts all variants at once. */
export async function startAll(variants: readonly Variant[], servers: number): Promise<Bench[]> {
  const started = await Promise.allSettled(variants.map((variant) => Bench.start(variant, servers)));
  const benches = started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const failure = started.find((result) => result.status === "rejected");
  if (failure === undefined) return benches;
  await Promise.all(benches.map((bench) => bench.stop()));
  throw failure.reason;
}

/** Takes turns, each round from another start. */
export async function measure(benches: readonly Bench[], effort: Effort): Promise<ReadonlyMap<Variant, Samples>> {
  const samples = new Map(benches.map(({ variant }): [Variant, Samples] => [variant, { cpuUs: [], requestsPerS: [] }]));
  for (const bench of benches) await bench.slice(60_000, Math.max(0, effort.warmUpRequests - bench.requests));
  for (let round = 0; round < effort.rounds; round++) {
    for (let turn = 0; turn < benches.length; turn++) {
      const bench = benches[(round + turn) % benches.length]!;
      const { cpuUs, requestsPerS } = await bench.slice(effort.sliceMs);
      samples.get(bench.variant)?.cpuUs.push(cpuUs);
      samples.get(bench.variant)?.requestsPerS.push(requestsPerS);
    }
  }
  return samples;
}
