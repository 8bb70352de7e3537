/** `ringway ring …`: who owns what, what a change would move, drain and weight. */
import { readFile } from "node:fs/promises";
import { pools, type Pool, type Topology } from "../protocol/topology.ts";
import { DEV_KEY } from "../ring/key.ts";
import { loadRingModule } from "../ring/ring.ts";
import { validateTopology } from "../ring/topology.ts";
import { parseFlags, UsageError, type Flags } from "../runtime/flags.ts";
import { askCharm, currentTopology, operatorFlags } from "./operator.ts";
import type { Verb } from "./verb.ts";

const flags = {
  ...operatorFlags,
  pool: { type: "string", default: "channel", oneOf: pools, help: "owner: which pool" },
  topology: { type: "string", default: "", help: "owner, diff: a topology document in a file instead of charm's" },
  json: { type: "boolean", help: "print JSON" },
} as const satisfies Flags;

type Options = ReturnType<typeof parseFlags<typeof flags>>;

const verbs: Record<string, (options: Options, args: readonly string[]) => Promise<unknown>> = {
  owner: (options, [id]) => owner(options, need(id, "ring owner <id>")),
  diff: (options, [file]) => diff(options, need(file, "ring diff <topology-file>")),
  drain: (options, [server]) => change(options, need(server, "ring drain <server>"), { drain: true }),
  undrain: (options, [server]) => change(options, need(server, "ring undrain <server>"), { drain: false }),
  weight: (options, [server, weight]) => change(options, need(server, "ring weight <server> <weight>"), { weight: wholeWeight(weight) }),
};

export const ring: Verb = {
  summary: "owner <id> | diff <topology-file> | drain <server> | undrain <server> | weight <server> <0..65535>",
  usage: "owner|diff|drain|undrain|weight …",
  flags,
  async run(argv) {
    const options = parseFlags(flags, argv, 3);
    const [verb, ...args] = options._;
    const run = verbs[verb ?? ""];
    if (run === undefined) throw new UsageError(`'ring ${verb ?? ""}' is not known: one of ${Object.keys(verbs).join(", ")}`);
    const result = await run(options, args);
    process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : `${lines(result).join("\n")}\n`);
    return 0;
  },
};

function need(value: string | undefined, usage: string): string {
  if (value === undefined) throw new UsageError(`usage: ringway ${usage}`);
  return value;
}

function wholeWeight(text: string | undefined): number {
  const weight = Number(text);
  if (text === undefined || !Number.isInteger(weight) || weight < 0 || weight > 65_535) throw new UsageError("the weight must be a whole number from 0 to 65535");
  return weight;
}

async function fromFile(path: string): Promise<Topology> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${path} cannot be read (${error.code})`);
  });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${path} is not JSON: ${(error as Error).message}`);
  }
  return validateTopology(parsed);
}

const load = (options: Options): Promise<Topology> => (options.topology === "" ? currentTopology(options.charmUrl) : fromFile(options.topology));
const module = (options: Options) => loadRingModule(options.ringKey === "" ? DEV_KEY : options.ringKey);

async function owner(options: Options, id: string): Promise<unknown> {
  const [rings, topology] = [await module(options), await load(options)];
  const pool = options.pool as Pool;
  const view = rings.build(topology);
  return { id, pool, slot: rings.slotOf(id), epoch: topology.epoch, owner: view.owner(pool, id)?.id ?? null, preference: view.preference(pool, id).map((server) => server.id) };
}

async function diff(options: Options, file: string): Promise<unknown> {
  const rings = await module(options);
  const [from, to] = [await load(options), await fromFile(file)];
  const [before, after] = [rings.build(from), rings.build(to)];
  return {
    from_epoch: from.epoch,
    to_epoch: to.epoch,
    ...Object.fromEntries(pools.map((pool) => [`${pool}_slots_moved`, after.moved(before, pool)])),
  };
}

async function change(options: Options, server: string, body: object): Promise<unknown> {
  return askCharm(options.charmUrl, `/v1/charm/servers/${encodeURIComponent(server)}`, { method: "PUT", body });
}

function lines(result: unknown): string[] {
  const rows = Object.entries(result as Record<string, unknown>);
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${Array.isArray(value) ? value.join(", ") : typeof value === "object" ? JSON.stringify(value) : String(value)}`);
}
