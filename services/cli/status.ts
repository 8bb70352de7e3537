/** `ringway status`: who is in the ring, with how much of it, and how busy. */
import { setTimeout as pause } from "node:timers/promises";
import { shareCells, shareColumns, sharesOf, type Share } from "../observe/shares.ts";
import type { Rebalance } from "../protocol/operator.ts";
import type { Pool } from "../protocol/topology.ts";
import { DEV_KEY } from "../ring/key.ts";
import { loadRingModule, type RingModule } from "../ring/ring.ts";
import { parseFlags, UsageError, type Flags } from "../runtime/flags.ts";
import { ask } from "../runtime/request.ts";
import { takeIdentity, urlOf } from "../runtime/tls.ts";
import { askCharm, currentTopology, operatorFlags } from "./operator.ts";
import { print, table } from "./output.ts";
import type { Verb } from "./verb.ts";

const answerMs = 3_000;
const everyMs = 1_000;

const flags = {
  ...operatorFlags,
  json: { type: "boolean", help: "print JSON, one line each time" },
  watch: { type: "boolean", help: "again each second, until Ctrl-C" },
} as const satisfies Flags;

interface ServerStatus extends Share {
  /** what it says itself; null where it does not answer */
  readonly says: Readonly<Record<string, unknown>> | null;
}

interface PlaneStatus {
  readonly epoch: number;
  readonly leading: boolean;
  readonly rebalance: Rebalance | null;
  readonly held: Readonly<Record<string, readonly string[]>>;
  readonly servers: readonly ServerStatus[];
}

export const status: Verb = {
  summary: "the ring's servers: state, weight, share of the slots, load; exit 0 all are up, 1 some are not, 2 charm does not answer",
  flags,
  async run(argv) {
    const options = parseFlags(flags, argv);
    takeIdentity(options);
    const module = await loadRingModule(options.ringKey === "" ? DEV_KEY : options.ringKey);
    let ring: Ring | undefined;
    for (;;) {
      ring = await ringOf(options.charmUrl, module, ring);
      const plane = await read(options.charmUrl, ring);
      print(options.json ? [JSON.stringify(plane)] : render(plane), options.watch && !options.json);
      if (!options.watch) return plane.servers.every((server) => server.state !== "down" && server.says !== null) ? 0 : 1;
      await pause(everyMs);
    }
  },
};

interface Ring {
  readonly epoch: number;
  readonly shares: readonly Share[];
}

/** @param before what it was at the last look: the same epoch is the same ring */
async function ringOf(charmUrl: string, module: RingModule, before: Ring | undefined): Promise<Ring> {
  const topology = await currentTopology(charmUrl);
  if (before?.epoch === topology.epoch) return before;
  if (module.keyId !== topology.keyId) throw new UsageError("--ring-key: the topology is of another cluster key");
  return { epoch: topology.epoch, shares: sharesOf(module, topology) };
}

async function read(charmUrl: string, { epoch, shares }: Ring): Promise<PlaneStatus> {
  const charm = (await askCharm(charmUrl, "/v1/charm/status")) as Pick<PlaneStatus, "leading" | "rebalance" | "held">;
  const servers = await Promise.all(
    shares.map(async (share): Promise<ServerStatus> => {
      const answer = await ask(`${urlOf(share.addr)}/v1/status`, { timeoutMs: answerMs }).catch(() => undefined);
      return { ...share, says: answer?.status === 200 ? (answer.json as Record<string, unknown>) : null };
    }),
  );
  return { epoch, leading: charm.leading, rebalance: charm.rebalance, held: charm.held, servers };
}

function render({ epoch, leading, rebalance, held, servers }: PlaneStatus): string[] {
  const rows = servers.map((server) => {
    const { pool, says, addr } = server;
    return [...shareCells(server), says === null ? "–" : String(says["epoch"] ?? ""), says === null ? "does not answer" : load(pool, says), addr];
  });
  return [
    `epoch ${epoch}${leading ? "" : "; this charm does not lead"}${rebalance === null ? "" : `; rebalance: ${rebalance.left_percent} % of the slots left to move${rebalance.waiting_for.length > 0 ? `, waiting for ${rebalance.waiting_for.join(", ")}` : ""}`}`,
    ...Object.entries(held).map(([pool, ids]) => `held in ${pool} by the churn guard: ${ids.join(", ")}`),
    "",
    ...table([[...shareColumns, "epoch", "load", "address"], ...rows]),
  ];
}

function load(pool: Pool, says: Readonly<Record<string, unknown>>): string {
  if (pool === "channel") return `${says["channels"]} channels, ${says["subscriptions"]} subscriptions`;
  if (pool === "presence") return `${says["users"]} users`;
  return `${says["sessions"]} sessions, ${says["subscriptions"]} channels`;
}
