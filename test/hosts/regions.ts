/** Two regions with an ocean between: everything at home, and far away Envoy and gateways alone. */
import { setTimeout as pause } from "node:timers/promises";
import { DeliveryRun } from "../../services/delivery/run.ts";
import { devTokens } from "../../services/webapp/dev.ts";
import { connectRtm } from "../e2e/client.ts";
import { deliveryTimes, percentile } from "./figures.ts";
import type { Ocean } from "./ocean.ts";
import { untilThrough } from "../stalls.ts";
import { judge, type Outcome } from "./outcome.ts";
import type { HostsPlane, Site } from "./plane.ts";

export const regionSites: readonly Site[] = [
  { zone: "home", names: ["charm", "webapp", "cs-0", "cs-1", "ps-0", "gw-0"] },
  { zone: "far", names: ["gw-1", "gw-2"] },
];

export interface RegionOptions {
  readonly oneWayMs: number;
  /** messages per second of all writers */
  readonly rate: number;
  readonly seconds: number;
  /** of the gateways */
  readonly gatherMs: number;
  say(line: string): void;
}

const writers = 8;
/** Not measured: new processes are slow for so long, and so are new connections across an ocean. */
const warmMs = 3_000;
const tokens = Object.keys(devTokens);
/** Records are counted, and are exact. Bytes are told by the ocean: what TCP sends again, and how it fills its segments, is the machine's affair. */
const crossingRoom = 1.3;

export class Regions {
  readonly #plane: HostsPlane;
  readonly #ocean: Ocean;
  readonly #options: RegionOptions;

  constructor(plane: HostsPlane, ocean: Ocean, options: RegionOptions) {
    this.#plane = plane;
    this.#ocean = ocean;
    this.#options = options;
  }

  /** From a publisher to readers in the other region, or from a far publisher to far readers, whose messages cross the ocean twice. */
  async crossing(from: "home" | "far"): Promise<Outcome> {
    const { oneWayMs, rate, seconds, gatherMs, say } = this.#options;
    // What is measured is the way of a message, not the machine that writers, readers and both regions share.
    const run = await this.#run({ writersAt: from, rate, readers: 2, readerTokens: tokens, socketsOnly: true });
    await pause(warmMs);
    const cold = run.happened.length;
    await pause(1_000 * seconds);
    const { verdict, isKept, refused } = await judge(run, say);
    const warm = run.happened.slice(cold);
    const times = deliveryTimes(warm);
    const [p50, p99] = [percentile(times, 0.5), percentile(times, 0.99)];
    const boundMs = (from === "home" ? 1 : 2) * oneWayMs + 50;
    const reached = warm.filter(({ type }) => type === "sent").length / seconds;
    const figures = `publish to delivery p50 ${Math.round(p50)} ms, p99 ${Math.round(p99)} ms; ${Math.round(reached)} msg/s sent; refused, sent again: ${refused}`;
    say(figures);
    return {
      scenario: `${from === "home" ? "publishers' sockets at home" : "publishers' sockets far away"}, readers far away, ${oneWayMs} ms each way, ${rate} msg/s, --gather-ms ${gatherMs}`,
      stallsMs: [],
      verdict,
      isKept,
      figures,
      goals: [{ text: `p99 ≤ ${boundMs} ms`, isMet: p99 <= boundMs }],
    };
  }

  /** With one reader at each far gateway, and with many: how much crosses the ocean for a message. */
  async once(many: number): Promise<Outcome> {
    const { say } = this.#options;
    const readerTokens = await this.#oneAtEachGateway();
    const few = await this.#cost(readerTokens, 1);
    const lots = await this.#cost(readerTokens, many);
    const gateways = readerTokens.length;
    // A link that broke on a busy machine has had a few records twice.
    const isOnce = [few, lots].every(({ records }) => Math.round(records) === gateways);
    say(`a message crosses as ${few.records} records and ${Math.round(few.bytes)} bytes to 1 reader at each of ${gateways} far gateways, as ${lots.records} and ${Math.round(lots.bytes)} bytes to ${many} at each`);
    return {
      scenario: `1 and ${many} readers at each of ${gateways} far gateways`,
      stallsMs: [],
      verdict: few.isKept ? lots.verdict : few.verdict,
      isKept: few.isKept && lots.isKept && isOnce,
      figures: `records over the ocean per message ${few.records} and ${lots.records}, bytes ${Math.round(few.bytes)} and ${Math.round(lots.bytes)}`,
      goals: [
        { text: "one record per far gateway, however many read", isMet: isOnce },
        { text: `bytes over the ocean ≤ ${crossingRoom} ×`, isMet: lots.bytes <= few.bytes * crossingRoom },
      ],
    };
  }

  /** The ocean is down for a while, several times, then loses frames. */
  async flaps(times: number, forMs: number, lossPercent: number): Promise<Outcome> {
    const { say } = this.#options;
    const run = await this.#run({ writersAt: "home", rate: 60, readers: 4, readerTokens: tokens, writersToo: "far" });
    const stallsMs: number[] = [];
    const event = async (what: string, hurt: () => Promise<unknown>, mend: () => Promise<unknown>): Promise<void> => {
      const from = performance.now();
      await hurt();
      await pause(forMs);
      await mend();
      await this.#plane.whole();
      await untilThrough(run.timeline, 0, 60_000);
      const { endToEndMs } = run.timeline.between(from, performance.now());
      stallsMs.push(endToEndMs);
      say(`${what} for ${forMs / 1_000} s: end to end ${Math.round(endToEndMs)} ms`);
      await pause(1_000);
    };
    for (let i = 0; i < times; i++) await event("the ocean was down", () => this.#ocean.tell("down"), () => this.#ocean.tell("up"));
    await event(`${lossPercent} % were lost`, () => this.#ocean.tell(`loss ${lossPercent}`), () => this.#ocean.tell("loss 0"));
    const { verdict, isKept, refused } = await judge(run, say);
    return { scenario: `the ocean is down for ${forMs / 1_000} s, ${times} times, then loses ${lossPercent} %`, stallsMs, verdict, isKept, figures: `refused, sent again: ${refused}`, goals: [] };
  }

  async #run(how: { readonly writersAt: "home" | "far"; readonly writersToo?: "far"; readonly rate: number; readonly readers: number; readonly readerTokens: readonly string[]; readonly socketsOnly?: boolean }): Promise<DeliveryRun> {
    const { writersAt, writersToo = writersAt, rate, readers, readerTokens, socketsOnly = false } = how;
    const url = (zone: string): string => this.#plane.url(zone);
    // In pairs, for every second writer uses the Web API.
    const places = [writersAt, writersAt, writersToo, writersToo].map(url);
    const run = new DeliveryRun({ api: url("home"), readersAt: [url("far")], writersAt: places, tokens: readerTokens, channels: 12, writers, socketsOnly, readers, rate: rate / writers, seed: 1, patienceMs: 90_000, settleMs: 60_000 });
    await run.start();
    return run;
  }

  /** Tokens of users of whom the far Envoy leads one to each far gateway. @throws where there are none for one of them, or somebody was led elsewhere */
  async #oneAtEachGateway(): Promise<string[]> {
    const found = new Map<string, string>();
    for (const token of tokens) {
      const rtm = await connectRtm(this.#plane.url("far"), token);
      await rtm.close();
      found.set(rtm.frames.find(({ type }) => type === "hello")!["x_gateway"] as string, token);
    }
    const [led, far] = [[...found.keys()], this.#plane.gateways("far")].map((ids) => ids.sort().join(", "));
    if (led !== far) throw new Error(`the far Envoy led users to ${led}, and the far gateways are ${far}`);
    return [...found.values()];
  }

  /** What crosses the ocean for each message that is published at home and read far away. */
  async #cost(readerTokens: readonly string[], readersEach: number): Promise<{ readonly records: number; readonly bytes: number; readonly verdict: string; readonly isKept: boolean }> {
    const gateways = this.#plane.gateways("far");
    const events = async (): Promise<number> => {
      const statuses = await Promise.all(gateways.map((id) => this.#plane.status(id)));
      return statuses.reduce((sum, status) => sum + (status["counters"] as { readonly events: number }).events, 0);
    };
    const before = await events();
    const run = await this.#run({ writersAt: "home", rate: 64, readers: readersEach * readerTokens.length, readerTokens });
    await untilThrough(run.timeline, 0, 60_000);
    // Each reader began with a look at each channel's past, for itself: that is not what is counted here.
    await pause(4_000);
    const acked = (): number => run.happened.filter(({ type }) => type === "acked").length;
    const from = { acked: acked(), bytes: (await this.#ocean.tell("count")).bytes[1] };
    await pause(5_000);
    const bytes = ((await this.#ocean.tell("count")).bytes[1] - from.bytes) / (acked() - from.acked);
    const { verdict, isKept, acked: all } = await judge(run, this.#options.say);
    // Of the whole run, now that all is over: what the gateways had of it beside the messages that there were.
    return { records: Math.round((100 * ((await events()) - before)) / all) / 100, bytes, verdict, isKept };
  }
}
