/**
 * `npm run bench:hops`: how long each hop of a message takes on a quiet plane, all of it on this machine: Envoy, lmdb that syncs, and two clients.
 *
 *   --messages N        instead of 600, at 20 a second
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { RingwayClient, type Journey } from "../../client/src/index.ts";
import { readConfig } from "../../services/launch/config.ts";
import { startPlane } from "../../services/launch/plane.ts";
import { wallMs } from "../../services/runtime/clock.ts";
import { freePorts } from "../e2e/ports.ts";
import { until } from "../e2e/wait.ts";
import { machineFacts, printFacts } from "./facts.ts";

const { values: options } = parseArgs({ options: { messages: { type: "string", default: "600" } } });
const count = Number(options.messages);
if (!Number.isInteger(count) || count < 1) throw new Error(`--messages ${options.messages} is not a number from 1`);
const everyMs = 50;
/** The first ones meet code that is not compiled yet. */
const warmUp = 200;
const portBlock = 40;
const channel = "C0GENERAL";

interface Times {
  readonly sent: number;
  acked: number;
  shown: number;
  journey: Journey | undefined;
}

const hops: readonly (readonly [string, (times: Times, journey: Journey) => number])[] = [
  ["1. author → Envoy → her gateway", ({ sent }, { taken }) => taken - sent],
  ["2. her gateway → owner", (_, { taken, received }) => received - taken],
  ["3, 4. at the owner, until it is durable", (_, { received, stored }) => stored - received],
  ["5. owner → the reader's gateway", (_, { stored, arrived }) => arrived - stored],
  ["6, 7. the reader's gateway → Envoy → reader", ({ shown }, { arrived }) => shown - arrived],
  ["author, until the ack", ({ sent, acked }) => acked - sent],
  ["author to reader", ({ sent, shown }) => shown - sent],
];

const data = await mkdtemp(join(tmpdir(), "ringway-hops-"));
const plane = await startPlane(readConfig(["--data", data, "--port", String(await freePorts(portBlock)), "--chat", "off", "--log-level", "warn"]), (line) => console.error(line), new Promise(() => {}));
const clients = ["ada", "grace"].map((name) => new RingwayClient({ url: plane.url, token: `xoxp-dev-${name}`, journeys: true }));
try {
  const [ada, grace] = clients as [RingwayClient, RingwayClient];
  const byOffset = new Map<number, Partial<Times>>();
  const of = (offset: number): Partial<Times> => byOffset.get(offset) ?? byOffset.set(offset, {}).get(offset)!;
  grace.on("message", ({ x_off }) => void (of(x_off).shown = wallMs()));
  grace.on("journey", (journey) => void (of(journey.x_off).journey = journey));
  for (const client of clients) client.connect();
  await until("both clients", () => clients.every(({ state }) => state.phase === "connected"));
  const all: Times[] = [];
  for (let i = 0; i < warmUp + count; i++) {
    const sent = wallMs();
    const next = pause(everyMs);
    const { offset } = await ada.send(channel, `hop ${i}`);
    const acked = wallMs();
    await next;
    const { shown, journey } = await until("the reader", () => (of(offset).shown !== undefined && of(offset).journey !== undefined ? of(offset) : undefined));
    if (i >= warmUp) all.push({ sent, acked, shown: shown!, journey });
  }
  printFacts("Machine", await machineFacts([]));
  console.log(`\n${count} messages, 20 a second, one channel, one author and one reader; ms\n\n| hop | median | p99 |\n|:--|--:|--:|`);
  for (const [name, ms] of hops) {
    const sorted = all.map((times) => ms(times, times.journey!)).sort((a, b) => a - b);
    const at = (share: number): string => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!.toFixed(2);
    console.log(`| ${name} | ${at(0.5)} | ${at(0.99)} |`);
  }
} finally {
  for (const client of clients) client.close();
  await plane.stop();
  await rm(data, { recursive: true, force: true });
}
