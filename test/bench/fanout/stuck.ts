/**
 * Readers that stop reading among others that go on: a real gateway process, a real link, clients on loopback. It shows what that
 * costs the gateway's memory and the others' latency, and that nobody misses anything.
 *
 *   node test/bench/fanout/stuck.ts [--seconds 60] [--sockets 1000] [--stuck 100] [--again-seconds 20]
 *
 * Each of the stuck ones comes back every --again-seconds, to be stuck again; 0 = it is stuck once, and stays away when it is cut off.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { nodeArgs } from "../../../services/launch/node.ts";
import { DEV_KEY } from "../../../services/ring/key.ts";
import { ask } from "../../../services/runtime/request.ts";
import { onCore } from "../pin.ts";
import { Feed } from "./stuck-feed.ts";
import { Reader } from "./stuck-reader.ts";

export interface StuckOptions {
  readonly sockets: number;
  readonly stuck: number;
  /** how long all read, and how long some don't; both at least, the latter until each of these was cut off */
  readonly readingMs: number;
  readonly stuckMs: number;
  /** each of the stuck ones comes back so often, with its offsets, to be stuck again, and the loud channel is loud for a quarter of that; 0 = never, and always */
  readonly againMs: number;
}

export interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly count: number;
}

export interface StuckReport {
  /** of those who read, while all do and while some don't */
  readonly before: Latency;
  readonly during: Latency;
  readonly rssBeforeMiB: number;
  readonly rssPeakMiB: number;
  /** sockets that the gateway closed as slow */
  readonly cutOff: number;
  /** Close codes that the stuck ones found when they read again */
  readonly closeCodes: readonly number[];
  readonly deliveries: number;
  readonly faults: readonly string[];
}

/** Everybody is in the quiet channel; the stuck ones, and a few who read, in the loud one too. */
const quiet = { name: "CQUIET", everyMs: 50, text: "x".repeat(128) };
const loud = { name: "CLOUD", everyMs: 20, text: "x".repeat(32 * 1024), witnesses: 10 };
const settleMs = 40_000;

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + settleMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${settleMs / 1_000} s`);
    await sleep(20);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function startGateway(feed: Feed, port: number): Promise<ChildProcess> {
  const args = ["--id", "gw-0", "--listen", `127.0.0.1:${port}`, "--registry-url", feed.registryUrl, "--mesh-url", feed.meshUrl, "--log-level", "warn"];
  const child = spawn(...onCore(0, process.execPath, nodeArgs("gateway", args)), { stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, RINGWAY_RING_KEY: DEV_KEY } });
  await until("a gateway", async () => (await ask(`http://127.0.0.1:${port}/readyz`).catch(() => undefined))?.status === 200);
  return child;
}

function latency(samples: readonly number[]): Latency {
  const sorted = Float64Array.from(samples).sort();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99), count: sorted.length };
}

export async function measureStuck({ sockets, stuck, readingMs, stuckMs, againMs }: StuckOptions): Promise<StuckReport> {
  const feed = await Feed.start();
  const port = await freePort();
  const gateway = await startGateway(feed, port);
  const readers = Array.from({ length: sockets }, (_, i) => new Reader(`U${i}`));
  const slow = readers.slice(0, stuck);
  const channelsOf = (reader: Reader): string[] => (readers.indexOf(reader) < stuck + loud.witnesses ? [quiet.name, loud.name] : [quiet.name]);
  const open = (reader: Reader): Promise<void> => reader.open(port, feed.ticket(reader.user, channelsOf(reader), reader.offsets));
  const rss = (): number => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${gateway.pid}/status`, "utf8"))?.[1]) / 1024;
  const cutOff = async (): Promise<number> => ((await ask(`http://127.0.0.1:${port}/v1/status`)).json as { counters: { slowConsumers: number } }).counters.slowConsumers;
  const hasAll = (reader: Reader): boolean => channelsOf(reader).every((channel) => (reader.offsets[channel] ?? 0) === feed.head(channel));
  let samples: number[] = [];
  let loudUntil = Infinity;
  const failed: string[] = [];
  const timers: NodeJS.Timeout[] = [];
  try {
    for (let i = 0; i < sockets; i += 50) await Promise.all(readers.slice(i, i + 50).map(open));
    for (const reader of readers.slice(stuck)) reader.onLatency = (channel, ms) => void (channel === quiet.name && samples.push(ms));
    timers.push(setInterval(() => feed.publish(quiet.name, quiet.text), quiet.everyMs));
    timers.push(setInterval(() => performance.now() < loudUntil && feed.publish(loud.name, loud.text), loud.everyMs));
    await sleep(readingMs / 3); // to warm up
    samples = [];
    await sleep(readingMs);
    const before = latency(samples);
    const rssBeforeMiB = rss();

    samples = [];
    let rssPeakMiB = rssBeforeMiB;
    timers.push(setInterval(() => (rssPeakMiB = Math.max(rssPeakMiB, rss())), 50));
    for (const reader of slow) reader.stick();
    const comeBack = (reader: Reader): Promise<void> => open(reader).then(() => reader.stick(), (error: Error) => void failed.push(error.message));
    // One after the other while it is quiet: this process plays the channel server and all readers, and must not be what the others wait for.
    const cycle = (): void => {
      loudUntil = performance.now() + againMs / 4;
      for (const [i, reader] of slow.entries()) timers.push(setTimeout(() => void comeBack(reader), againMs / 4 + ((againMs / 2) * i) / stuck));
    };
    if (againMs > 0) {
      cycle();
      timers.push(setInterval(cycle, againMs));
    }
    await sleep(stuckMs);
    if (againMs === 0) await until("each stuck reader is cut off", async () => (await cutOff()) >= stuck);
    const during = latency(samples);
    for (const timer of timers) clearInterval(timer);

    // They read what is left, find themselves closed, and come back with their offsets.
    for (const reader of slow) reader.read();
    await until("the stuck readers are closed, or have all", () => slow.every((reader) => !reader.isOpen || hasAll(reader)));
    const closeCodes = slow.map(({ closeCode }) => closeCode).filter((code) => code !== undefined);
    for (const reader of slow) if (!reader.isOpen) await open(reader);
    await until("everybody has everything", () => readers.every((reader) => reader.faults.length > 0 || hasAll(reader)));
    const deliveries = readers.reduce((sum, { offsets }) => sum + Object.values(offsets).reduce((one, offset) => one + offset, 0), 0);
    return { before, during, rssBeforeMiB, rssPeakMiB, cutOff: await cutOff(), closeCodes, deliveries, faults: [...failed, ...readers.flatMap(({ faults }) => faults)] };
  } finally {
    for (const timer of timers) clearInterval(timer);
    for (const reader of readers) reader.close();
    gateway.kill("SIGKILL");
    await once(gateway, "exit");
    await feed.stop();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" }, sockets: { type: "string", default: "1000" }, stuck: { type: "string", default: "100" }, "again-seconds": { type: "string", default: "20" } } });
  const report = await measureStuck({ sockets: Number(values.sockets), stuck: Number(values.stuck), readingMs: 10_000, stuckMs: Number(values.seconds) * 1_000, againMs: Number(values["again-seconds"]) * 1_000 });
  console.log(JSON.stringify(report, null, 1));
  process.exitCode = report.faults.length === 0 ? 0 : 1;
}
