/** What happens to the plane in containers: one row of the table each. */
import { until } from "../e2e/wait.ts";
import { charms, members, type ComposePlane } from "./plane.ts";

export interface Row {
  readonly text: string;
  /** between `begin` and `end`, ms */
  readonly forMs: number;
  /** @returns what there is to say about it, for people */
  begin(plane: ComposePlane): Promise<string | void>;
  /** Makes good again what `begin` did; what the plane has to do by itself comes after it. */
  end(plane: ComposePlane): Promise<unknown>;
}

/** Twice the least TTL of a session in Consul, and a second to ask for the lock. */
const takeOverMs = 25_000;

function kill(name: string, forMs = 2_000): Row {
  return { text: `docker kill ${name}, started again after ${forMs / 1_000} s`, forMs, begin: async (plane) => void (await plane.kill(name)), end: (plane) => plane.start(name) };
}

/** @throws Error where it did not end by itself, in order */
function stop(name: string): Row {
  return {
    text: `docker stop ${name}, started again after 1 s`,
    forMs: 1_000,
    async begin(plane) {
      const { code, ms } = await plane.stop(name);
      if (code !== 0) throw new Error(`${name} ended with ${code} after docker stop`);
      return `exit code 0 after ${Math.round(ms)} ms`;
    },
    end: (plane) => plane.start(name),
  };
}

const leaderKilled = (): Row => {
  let victim: string;
  return {
    text: "docker kill of the charm that leads, started again when the other one leads",
    forMs: 0,
    async begin(plane) {
      victim = (await plane.leader())!;
      await plane.kill(victim);
      const from = performance.now();
      const other = charms.find((name) => name !== victim)!;
      await until(`${other} to lead`, async () => (await plane.leader()) === other, takeOverMs, 200);
      return `${other} leads after ${((performance.now() - from) / 1_000).toFixed(1)} s`;
    },
    end: (plane) => plane.start(victim),
  };
};

const ringway = (plane: ComposePlane, ...words: readonly string[]): Promise<string> => plane.exec("charm-1", "ringway", "ring", ...words);

/** As docs/operations.md has it done: out of the ring first, then stopped. */
function drained(name: string): Row {
  return {
    text: `ringway ring drain ${name} --wait, docker stop, start, undrain`,
    forMs: 0,
    async begin(plane) {
      await ringway(plane, "drain", name, "--wait");
      return stop(name).begin(plane);
    },
    async end(plane) {
      await plane.start(name);
      await ringway(plane, "undrain", name, "--wait");
    },
  };
}

const cutOff: Row = { text: "cs-2 disconnected from its network for 5 s", forMs: 5_000, begin: (plane) => plane.cut("cs-2"), end: (plane) => plane.rejoin("cs-2") };

/** What the machine does to the figures by itself. */
const quiet: Row = { text: "nothing happens", forMs: 5_000, begin: async () => {}, end: async () => {} };

/** In the order in which a run goes through them. */
export const rows = {
  quiet: () => quiet,
  "kill-channel": () => kill(members.channel[0]!),
  "kill-gateway": () => kill(members.gateway[0]!),
  "kill-presence": () => kill(members.presence[0]!),
  "kill-webapp": () => kill("webapp-0"),
  "kill-charm": leaderKilled,
  "kill-envoy": () => kill("envoy-b"),
  "kill-edge": () => kill("envoy-a"),
  "kill-consul": () => kill("consul", 5_000),
  "kill-postgres": () => kill("postgres", 3_000),
  "cut-channel": () => cutOff,
  "drain-channel": () => drained(members.channel[1]!),
  "drain-gateway": () => drained(members.gateway[1]!),
  "stop-channel": () => stop(members.channel[2]!),
  "stop-gateway": () => stop(members.gateway[2]!),
  "stop-presence": () => stop(members.presence[1]!),
  "stop-webapp": () => stop("webapp-1"),
  "stop-charm": () => stop("charm-0"),
  "stop-envoy": () => stop("envoy-b"),
} as const satisfies Record<string, () => Row>;

export type RowName = keyof typeof rows;
export const rowNames = Object.keys(rows) as readonly RowName[];
/** What a run with --short goes through. */
export const shortRows: readonly RowName[] = ["quiet", "kill-channel", "kill-gateway", "kill-charm", "kill-postgres", "cut-channel", "drain-channel", "stop-gateway"];
