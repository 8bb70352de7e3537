/** Connections: what one costs while it is idle, and how fast they come. */
import { Bench } from "./bench.ts";
import { socketsOf, type Shape } from "./shape.ts";
import type { System } from "./system.ts";

export interface Idle {
  readonly label: string;
  readonly shape: Shape;
}

/** Sockets in 20 channels each, and in one: 100 sockets share theirs. */
export const idles = (sockets: number): readonly Idle[] =>
  [20, 1].map((channelsPerGroup) => ({ label: `${channelsPerGroup} subscription${channelsPerGroup === 1 ? "" : "s"} each`, shape: { groups: sockets / 100, socketsPerGroup: 100, channelsPerGroup } }));

/** So many are there before anything counts: what the first ones bring with them is not theirs. */
const before = 100;

/** KiB of resident memory per idle connection, of a system that was started for it. */
export async function idleKiB(system: System, shape: Shape): Promise<number> {
  const bench = await Bench.start(system);
  try {
    await bench.begin(shape);
    await bench.open(shape, before);
    const start = await bench.restingKiB();
    const { count } = await bench.open(shape);
    const kib = ((await bench.restingKiB()) - start) / count;
    await bench.end();
    return kib;
  } finally {
    await bench.stop();
  }
}

export interface Storm {
  readonly perSecond: number;
  readonly cpuUs: number;
}

/** How many clients come at once. */
const stormAtOnce = 64;

/** Everybody comes at the same time: connections/s until the last is subscribed, and what one costs the system. */
export async function storm(bench: Bench, shape: Shape): Promise<Storm> {
  await bench.end();
  await bench.begin(shape);
  const sum = async (): Promise<number> => Object.values(await bench.cpuUs()).reduce((total, us) => total + us, 0);
  const start = await sum();
  const { ms } = await bench.open(shape, socketsOf(shape), stormAtOnce);
  const us = (await sum()) - start;
  await bench.end();
  return { perSecond: (socketsOf(shape) / ms) * 1_000, cpuUs: us / socketsOf(shape) };
}
