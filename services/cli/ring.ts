/** `ringway ring …`: who owns what, what a change would move, a document of one's own, drain and weight. */
import { readFile, writeFile } from "node:fs/promises";
import { shareCells, shareColumns, sharesOf, type Share } from "../observe/shares.ts";
import { limits } from "../protocol/limits.ts";
import { pools, type Pool, type Topology } from "../protocol/topology.ts";
import { DEV_KEY } from "../ring/key.ts";
import { loadRingModule } from "../ring/ring.ts";
import { encodeTopologyBinary, TopologyError, validateTopology } from "../ring/topology.ts";
import { parseFlags, UsageError, type Flags } from "../runtime/flags.ts";
import { takeIdentity } from "../runtime/tls.ts";
import { askCharm, currentTopology, operatorFlags } from "./operator.ts";
import { complain, table } from "./output.ts";
import { settled, Unsettled } from "./settled.ts";
import type { Verb } from "./verb.ts";

const flags = {
  ...operatorFlags,
  pool: { type: "string", default: "channel", oneOf: pools, help: "owner, pin, unpin: which pool" },
  topology: { type: "string", default: "", help: "owner, diff: a topology document in a file instead of charm's" },
  zone: { type: "string", default: "", help: "drain, undrain: all servers of this zone, those that come later too, in the place of one server" },
  "within-seconds": { type: "number", default: 0, min: 0, max: limits.drainMsMost / 1_000, help: "drain: the clients of a drained gateway leave within this time, evenly; 0 = at the gateways' own rate, --reconnects-per-second" },
  wait: { type: "boolean", help: "drain, undrain, weight: until the slots have moved, and a drained gateway's clients have left; exit code 1 where it is gone before" },
  json: { type: "boolean", help: "print JSON" },
} as const satisfies Flags;

type Options = ReturnType<typeof parseFlags<typeof flags>>;

/** Each with its arguments as they are written: exactly so many are taken. */
const verbs: Record<string, { readonly args: string; readonly run: (options: Options, first: string, second: string) => Promise<unknown> }> = {
  show: { args: "", run: show },
  owner: { args: "<id>", run: owner },
  diff: { args: "<topology-file>", run: diff },
  seal: { args: "<draft-file> <binary-file>", run: seal },
  drain: { args: "<server>", run: (options, server) => drain(options, server, { drain: true, ...(options.withinSeconds > 0 ? { drain_ms: Math.round(1_000 * options.withinSeconds) } : {}) }) },
  undrain: { args: "<server>", run: (options, server) => drain(options, server, { drain: false }) },
  weight: { args: "<server> <weight>", run: (options, server, weight) => change(options, server, { weight: wholeWeight(weight) }) },
  pin: { args: "<id> <server>", run: (options, id, server) => pin(options, id, server) },
  unpin: { args: "<id>", run: (options, id) => pin(options, id, undefined) },
};

export const ring: Verb = {
  summary: "show | owner <id> | diff <topology-file> | seal <draft-file> <binary-file> | drain <server>|--zone Z | undrain <server>|--zone Z | weight <server> <0..65535> | pin <id> <server> | unpin <id>",
  usage: "show|owner|diff|seal|drain|undrain|weight|pin|unpin …",
  flags,
  async run(argv) {
    const options = parseFlags(flags, argv, Number.MAX_SAFE_INTEGER);
    const [verb, ...args] = options._;
    const known = Object.hasOwn(verbs, verb ?? "") ? verbs[verb!] : undefined;
    if (known === undefined) throw new UsageError(`${verb === undefined ? "ring needs a verb" : `'ring ${verb}' is not known`}: one of ${Object.keys(verbs).join(", ")}`);
    const isForZone = options.zone !== "" && known.args === "<server>";
    if (args.length !== (isForZone ? 0 : known.args.split(" ").filter((arg) => arg !== "").length)) throw new UsageError(`usage: ringway ring ${verb} ${known.args}${known.args === "<server>" ? " or --zone Z" : ""}`.trimEnd());
    takeIdentity(options);
    try {
      const result = await known.run(options, args[0] ?? "", args[1] ?? "");
      process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : `${lines(result).join("\n")}\n`);
      return 0;
    } catch (error) {
      if (error instanceof TopologyError) throw new UsageError(error.message);
      if (!(error instanceof Unsettled)) throw error;
      complain(error);
      return 1;
    }
  },
};

function wholeWeight(text: string): number {
  const weight = Number(text);
  if (text === "" || !Number.isInteger(weight) || weight < 0 || weight > 65_535) throw new UsageError("the weight must be a whole number from 0 to 65535");
  return weight;
}

async function jsonIn(path: string): Promise<unknown> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${path} cannot be read (${error.code})`);
  });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${path} is not JSON: ${(error as Error).message}`);
  }
}

/** Of any origin, also a copy of charm's that somebody edited to see what it would move: its digest says nothing then. */
async function fromFile(path: string): Promise<Topology> {
  const { digest: _, ...topology } = validateTopology(await jsonIn(path));
  return topology;
}

const load = (options: Options): Promise<Topology> => (options.topology === "" ? currentTopology(options.charmUrl) : fromFile(options.topology));
const module = (options: Options) => loadRingModule(options.ringKey === "" ? DEV_KEY : options.ringKey);

/** Who has how much of each pool, and what is pinned. */
async function show(options: Options): Promise<Shown> {
  const [rings, topology] = [await module(options), await load(options)];
  return {
    epoch: topology.epoch,
    servers: sharesOf(rings, topology),
    pins: pools.flatMap((pool) => topology.pools[pool].pins.map(([slot, server]) => ({ pool, slot, server }))),
  };
}

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

/** For who has no charm: what the filter polls, from a draft `{epoch, pools: {channel: {servers, pins}, …}}` or a whole document. Absent pools are empty. */
async function seal(options: Options, file: string, out: string): Promise<unknown> {
  const rings = await module(options);
  const draft = (await jsonIn(file)) as { epoch?: unknown; pools?: Record<string, unknown> } | null;
  const given = draft?.pools ?? {};
  const stranger = Object.keys(given).find((name) => !pools.some((pool) => pool === name));
  if (stranger !== undefined) throw new UsageError(`topology pools.${stranger}: not one of ${pools.join(", ")}`);
  const pool = (what: unknown): unknown => (typeof what === "object" && what !== null && !Array.isArray(what) ? { servers: [], pins: [], ...what, tableDigest: "0".repeat(16) } : what);
  const topology = validateTopology({ v: 1, epoch: draft?.epoch, keyId: rings.keyId, pools: Object.fromEntries(pools.map((name) => [name, pool(Object.hasOwn(given, name) ? given[name] : {})])) });
  const binary = encodeTopologyBinary(topology, rings.sipHash24);
  await writeFile(out, binary).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${out} cannot be written (${error.code})`);
  });
  return { epoch: topology.epoch, key_id: topology.keyId, bytes: binary.length, ...Object.fromEntries(pools.map((name) => [`${name}_servers`, topology.pools[name].servers.length])) };
}

interface Drain {
  readonly drain: boolean;
  readonly drain_ms?: number;
}

/** Of one server, or of a zone. */
async function drain(options: Options, server: string, body: Drain): Promise<unknown> {
  if (options.zone === "") return change(options, server, body);
  const changed = (await askCharm(options.charmUrl, `/v1/charm/zones/${encodeURIComponent(options.zone)}`, { method: "PUT", body })) as { readonly drain: boolean; readonly servers: readonly string[] };
  if (options.wait) await settled(options.charmUrl, changed.servers, body.drain, true);
  return { zone: options.zone, drain: changed.drain, in_zone: changed.servers };
}

async function change(options: Options, server: string, body: Partial<Drain> & { readonly weight?: number }): Promise<unknown> {
  const changed = (await askCharm(options.charmUrl, `/v1/charm/servers/${encodeURIComponent(server)}`, { method: "PUT", body })) as { drain: boolean; weight: number | null };
  if (options.wait) await settled(options.charmUrl, [server], body.drain === true);
  return { server, drain: changed.drain, weight: changed.weight ?? "as registered" };
}

/** Binds the slot of an ID, and with it all other IDs of that slot, to a server; or lets it go. */
async function pin(options: Options, id: string, server: string | undefined): Promise<unknown> {
  const pool = options.pool as Pool;
  const slot = (await module(options)).slotOf(id);
  await askCharm(options.charmUrl, "/v1/charm/pins", { method: "PUT", body: { pool, pin: [slot, server ?? null] } });
  return { id, pool, slot, server: server ?? "as it hashes" };
}

interface Shown {
  readonly epoch: number;
  readonly servers: readonly Share[];
  readonly pins: readonly { readonly pool: Pool; readonly slot: number; readonly server: string }[];
}

function shownLines({ epoch, servers, pins }: Shown): string[] {
  const rows = servers.map((server) => [...shareCells(server), server.addr]);
  return [`epoch ${epoch}`, "", ...table([[...shareColumns, "address"], ...rows]), ...pins.map(({ pool, slot, server }) => `slot ${slot} of ${pool} is pinned to ${server}`)];
}

function lines(result: unknown): string[] {
  if (typeof result === "object" && result !== null && "servers" in result && "pins" in result) return shownLines(result as Shown);
  const rows = Object.entries(result as Record<string, unknown>);
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${Array.isArray(value) ? value.join(", ") : typeof value === "object" ? JSON.stringify(value) : String(value)}`);
}
