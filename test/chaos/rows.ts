/** What may happen to a plane. Each row of the table is one kind of event; a seed says to whom it happens, and for how long. */
import { ChaosPlane } from "./plane.ts";

export interface Act {
  readonly row: RowName;
  /** for people: what happens to whom */
  readonly text: string;
  /** the one that it happens to, where it is one process */
  readonly server?: string;
  /** between `begin` and `end` */
  readonly forMs: number;
  begin(plane: ChaosPlane): Promise<void>;
  /** Makes good again what `begin` did; what the plane has to do by itself comes after it. */
  end(plane: ChaosPlane): Promise<void>;
}

/** What a run has at its disposal. */
export interface Means {
  /** network namespaces, one for each process */
  readonly cuttable: boolean;
  /** a small disk under the store */
  readonly smallDisk: boolean;
  /** the kernel can be asked to refuse a process's writes to files */
  readonly writesRefusable: boolean;
  readonly postgres: { kill(): Promise<void>; start(): Promise<void> } | undefined;
  /** how much shorter than the issue's own the long outages are */
  readonly short: boolean;
}

type Random = () => number;

interface Row {
  /** @returns why it can't be done with these means */
  missing?(means: Means): string | undefined;
  make(random: Random, means: Means): Omit<Act, "row">;
}

const nothing = async (): Promise<void> => {};
const one = (of: readonly string[], random: Random): string => of[Math.floor(random() * of.length)]!;
const between = (from: number, to: number, random: Random): number => Math.round(from + random() * (to - from));
const noNet = ({ cuttable }: Means): string | undefined => (cuttable ? undefined : "its processes share one network");
const { channel, gateway, presence } = ChaosPlane.names;

function kill(server: string): Omit<Act, "row"> {
  return { server, text: `kill -9 ${server}, started again after 1 s`, forMs: 1_000, begin: (plane) => plane.proc(server).signal("SIGKILL"), end: async (plane) => plane.startAgain(server) };
}

function pause(server: string, forMs: number): Omit<Act, "row"> {
  return {
    server,
    text: `${server} stopped for ${(forMs / 1_000).toFixed(1)} s`,
    forMs,
    begin: (plane) => plane.proc(server).signal("SIGSTOP"),
    end: async (plane) => {
      await plane.proc(server).signal("SIGCONT");
      // Who was stopped in the midst of a write of the embedded store was ended by the others: somebody has to start it again.
      if (!plane.proc(server).isRunning) plane.startAgain(server);
    },
  };
}

function drain(server: string): Omit<Act, "row"> {
  return { server, text: `${server} drained and taken back`, forMs: 1_000, begin: (plane) => plane.drained(server), end: (plane) => plane.drain(server, false) };
}

function away(servers: readonly string[], short: boolean): Omit<Act, "row"> {
  const forMs = short ? 6_000 : 60_000;
  return {
    text: `${servers.join(" and ")} gone for ${forMs / 1_000} s`,
    forMs,
    begin: async (plane) => void (await Promise.all(servers.map((server) => plane.proc(server).signal("SIGKILL")))),
    end: async (plane) => servers.forEach((server) => plane.startAgain(server)),
  };
}

/** In the order in which a short run goes through them, so far as its time reaches. */
export const rows = {
  quiet: { make: () => ({ text: "nothing happens", forMs: 2_000, begin: nothing, end: nothing }) },
  "kill-channel": { make: (random) => kill(one(channel, random)) },
  "kill-gateway": { make: (random) => kill(one(gateway, random)) },
  "drain-channel": { make: (random) => drain(one(channel, random)) },
  "drain-gateway": { make: (random) => drain(one(gateway, random)) },
  "store-down": {
    missing: ({ postgres, writesRefusable }) => (postgres !== undefined || writesRefusable ? undefined : "the store is a folder, and there is no prlimit to refuse writes to it"),
    make: (_, { postgres, short }) => {
      const forMs = short ? 3_000 : 10_000;
      if (postgres === undefined) return { text: `the store gets no further page for ${forMs / 1_000} s`, forMs, begin: (plane) => plane.refuseWrites(true), end: (plane) => plane.refuseWrites(false) };
      return { text: `PostgreSQL killed, started again after ${forMs / 1_000} s`, forMs, begin: () => postgres.kill(), end: () => postgres.start() };
    },
  },
  "disk-full": {
    missing: ({ postgres, smallDisk }) => (smallDisk ? undefined : postgres !== undefined ? "PostgreSQL's disk is not the run's own" : "the disk is not the run's own"),
    make: () => ({ text: "the store's disk is full for 3 s", forMs: 3_000, begin: (plane) => plane.fillDisk(), end: (plane) => plane.freeDisk() }),
  },
  "store-restart": {
    missing: ({ postgres }) => (postgres !== undefined ? undefined : "an embedded store has no process of its own"),
    make: (_, { postgres }) => ({ text: "PostgreSQL killed and started again at once", forMs: 0, begin: () => postgres!.kill(), end: () => postgres!.start() }),
  },
  "pause-channel": { make: (random) => pause(one(channel, random), 10_000) },
  "cut-channel": {
    missing: noNet,
    make: (random) => {
      const server = one(channel, random);
      return { text: `${server} cut off from everybody for 5 s`, forMs: 5_000, begin: (plane) => plane.net.cutOff(server), end: (plane) => plane.net.rejoin(server) };
    },
  },
  "charm-down": { make: (_, { short }) => away(["charm"], short) },
  "registry-down": { make: (_, { short }) => away(["registry"], short) },
  "control-down": { make: (_, { short }) => away(["charm", "registry"], short) },
  "envoy-restart": { make: () => ({ text: "Envoy hot-restarted", forMs: 0, begin: (plane) => plane.hotRestart(), end: nothing }) },
  "pause-short": { make: (random) => pause(one([...channel, ...gateway, ...presence], random), between(1_000, 4_000, random)) },
  "cut-pair": {
    missing: noNet,
    make: (random) => {
      const [server, other] = [one(channel, random), one(["envoy", "charm"], random)] as const;
      return { text: `${server} and ${other} cut off from each other for 4 s`, forMs: 4_000, begin: (plane) => plane.net.cut(server, other), end: (plane) => plane.net.join(server, other) };
    },
  },
  "kill-presence": { make: (random) => kill(one(presence, random)) },
  "clock-jump": {
    make: (random) => {
      const [server, ms] = [one(channel, random), one(["-30000", "-2000", "2000", "30000"], random)] as const;
      return { text: `the clock of ${server} jumps by ${Number(ms) / 1_000} s, and back after 3 s`, forMs: 3_000, begin: (plane) => plane.setClock(server, Number(ms)), end: (plane) => plane.setClock(server, 0) };
    },
  },
} as const satisfies Record<string, Row>;

export type RowName = keyof typeof rows;
export const rowNames = Object.keys(rows) as readonly RowName[];

export function missing(row: RowName, means: Means): string | undefined {
  return (rows[row] as Row).missing?.(means);
}

export function makeAct(row: RowName, random: Random, means: Means): Act {
  return { row, ...rows[row].make(random, means) };
}
