/** `ringway status`: who is in the ring, with how much of it, and how busy. */
import { setTimeout as pause } from "node:timers/promises";
import { pools, type Pool, type ServerState } from "../protocol/topology.ts";
import { DEV_KEY } from "../ring/key.ts";
import { loadRingModule } from "../ring/ring.ts";
import { parseFlags, UsageError, type Flags } from "../runtime/flags.ts";
import { ask } from "../runtime/request.ts";
import { askCharm, currentTopology, operatorFlags } from "./operator.ts";
import { table } from "./output.ts";
import { percent, sharesOf } from "./shares.ts";
import type { Verb } from "./verb.ts";

const answerMs = 3_000;
const everyMs = 1_000;

const flags = {
  ...operatorFlags,
  json: { type: "boolean", help: "print JSON, one line each time" },
  watch: { type: "boolean", help: "again each second, until Ctrl-C" },
} as const satisfies Flags;

type Options = ReturnType<typeof parseFlags<typeof flags>>;

interface ServerStatus {
  readonly pool: Pool;
  readonly id: string;
  readonly zone: string;
  readonly addr: string;
  readonly state: ServerState;
  readonly weight: number;
  /** slots that it owns, of 65,536 */
  readonly slots: number;
  /** what it says itself; null where it does not answer */
  readonly says: Readonly<Record<string, unknown>> | null;
}

interface PlaneStatus {
  readonly epoch: number;
  readonly leading: boolean;
  readonly rebalance: { readonly left_percent: number; readonly waiting_for: readonly string[] } | null;
  readonly held: Readonly<Record<string, readonly string[]>>;
  readonly servers: readonly ServerStatus[];
}

export const status: Verb = {
  summary: "the ring's servers: state, weight, share of the slots, load; exit 0 all are up, 1 some are not, 2 charm does not answer",
  flags,
  async run(argv) {
    const options = parseFlags(flags, argv);
    for (;;) {
      const plane = await read(options);
      const lines = options.json ? [JSON.stringify(plane)] : render(plane);
      // Home, and below it nothing: what was there is written over, without a flicker.
      if (options.watch && !options.json && process.stdout.isTTY) process.stdout.write("\x1b[H\x1b[J");
      process.stdout.write(`${lines.join("\n")}\n`);
      if (!options.watch) return plane.servers.every((server) => server.state !== "down" && server.says !== null) ? 0 : 1;
      await pause(everyMs);
    }
  },
};

async function read({ charmUrl, ringKey }: Options): Promise<PlaneStatus> {
  const topology = await currentTopology(charmUrl);
  const charm = (await askCharm(charmUrl, "/v1/charm/status")) as Pick<PlaneStatus, "leading" | "rebalance" | "held">;
  const module = await loadRingModule(ringKey === "" ? DEV_KEY : ringKey);
  if (module.keyId !== topology.keyId) throw new UsageError("--ring-key: the topology is of another cluster key");
  const view = module.build(topology);
  const servers = pools.flatMap((pool) => {
    const owned = sharesOf(view, pool);
    return topology.pools[pool].servers.map(async ({ id, zone, addr, state, weight }): Promise<ServerStatus> => {
      const answer = await ask(`http://${addr}/v1/status`, { timeoutMs: answerMs }).catch(() => undefined);
      return { pool, id, zone, addr, state, weight, slots: owned.get(id) ?? 0, says: answer?.status === 200 ? (answer.json as Record<string, unknown>) : null };
    });
  });
  const all = await Promise.all(servers);
  view.dispose();
  return { epoch: topology.epoch, leading: charm.leading, rebalance: charm.rebalance, held: charm.held, servers: all };
}

function render({ epoch, leading, rebalance, held, servers }: PlaneStatus): string[] {
  const rows = servers.map(({ pool, id, zone, state, weight, slots: owned, says, addr }) => [
    pool, id, zone, state, String(weight), percent(owned), says === null ? "–" : String(says["epoch"] ?? ""), says === null ? "does not answer" : load(pool, says), addr,
  ]);
  return [
    `epoch ${epoch}${leading ? "" : "; this charm does not lead"}${rebalance === null ? "" : `; rebalance: ${rebalance.left_percent} % of the slots left to move${rebalance.waiting_for.length > 0 ? `, waiting for ${rebalance.waiting_for.join(", ")}` : ""}`}`,
    ...Object.entries(held).map(([pool, ids]) => `held in ${pool} by the churn guard: ${ids.join(", ")}`),
    "",
    ...table([["pool", "server", "zone", "state", "weight", "slots", "epoch", "load", "address"], ...rows]),
  ];
}

function load(pool: Pool, says: Readonly<Record<string, unknown>>): string {
  if (pool === "channel") return `${says["channels"]} channels, ${says["subscriptions"]} subscriptions`;
  if (pool === "presence") return `${says["users"]} users`;
  return `${says["sessions"]} sessions, ${says["subscriptions"]} channels`;
}
