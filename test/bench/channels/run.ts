/**
 * `npm run bench:channels`: what a silent channel takes of a channel server's memory, and of a gateway's.
 *
 *   --quick             100,000 and 300,000 channels, and only one gateway: at most a minute on an idle machine
 *   --channels N,N      other numbers (default: 1,000,000 and 4,000,000)
 *   --json FILE         the same rows, for a program
 *   --folder PATH       where lmdb's store lies while it runs (default: here); about 1 KiB a channel
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { machineFacts, printFacts } from "../facts.ts";
import { printGoals } from "../goals.ts";
import { openBenchRegistry, type BenchRegistry } from "../registry.ts";
import { Child } from "./child.ts";
import { crown, statusOf } from "./crown.ts";
import { Link } from "./link.ts";
import type { Memory } from "./memory.ts";
import { goals, printRows, printSlopes, slopes, type Row } from "./report.ts";
import { fill } from "./store.ts";

const { values: options } = parseArgs({ options: { quick: { type: "boolean", default: false }, channels: { type: "string" }, json: { type: "string" }, folder: { type: "string", default: "." } } });
const say = (line: string): void => console.error(`${(performance.now() / 1_000).toFixed(1).padStart(6)} s  ${line}`);
const counts = (options.channels ?? (options.quick ? "100000,300000" : "1000000,4000000")).split(",").map(Number);
const most = Math.max(...counts);

const subscribed = "subscribed by a gateway, silent";

/** @param links gateways that subscribe all channels. @param leave and unsubscribe them again */
async function ofServer(registry: BenchRegistry, folder: string, channels: number, links: number, leave: boolean): Promise<Memory> {
  const server = await Child.start("server.ts", [registry.url, folder]);
  const address = server.said as string;
  const open: Link[] = [];
  try {
    await crown(registry, address);
    for (let i = 0; i < links; i++) {
      const link = await Link.open(address);
      open.push(link);
      await link.subscribe(channels);
      if (leave) link.unsubscribe(channels);
    }
    const wanted = leave ? 0 : links * channels;
    while ((await statusOf(address)).subscriptions !== wanted) await sleep(100);
    return await server.measure();
  } finally {
    for (const link of open) link.end();
    await server.end();
  }
}

async function ofGateway(channels: number): Promise<Memory> {
  const gateway = await Child.start("gateway.ts", [String(channels)]);
  try {
    return await gateway.measure();
  } finally {
    await gateway.end();
  }
}

const folder = await mkdtemp(join(resolve(options.folder), ".bench-channels-"));
const rows: Row[] = [];
const add = async (kind: string, channels: number, memory: Promise<Memory>): Promise<void> => {
  say(`${kind}: ${channels.toLocaleString("en")} channels …`);
  rows.push({ kind, channels, ...(await memory) });
};
const registry = await openBenchRegistry();
try {
  say(`a store of ${most.toLocaleString("en")} channels …`);
  await fill(folder, most);
  if (!options.quick) await add("in the store, never asked for", most, ofServer(registry, folder, most, 0, false));
  for (const channels of counts) await add(subscribed, channels, ofServer(registry, folder, channels, 1, false));
  if (!options.quick) {
    for (const channels of counts) await add("subscribed by two gateways, silent", channels, ofServer(registry, folder, channels, 2, false));
    await add("subscribed once, and left", most, ofServer(registry, folder, most, 1, true));
  }
  for (const channels of counts) await add("at the gateway: subscribed, one member", channels, ofGateway(channels));
} finally {
  await registry.close();
  await rm(folder, { recursive: true, force: true });
}
const facts = await machineFacts([]);
const list = slopes(rows);
const reached = goals(list, subscribed);
printFacts("Machine", facts);
printRows(rows);
printSlopes(list);
printGoals(reached);
if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify({ machine: facts, rows, slopes: list, goals: reached }, null, 2)}\n`);
