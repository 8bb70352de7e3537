/**
 * Many planes, each drawn from a seed. `SIM_SEEDS` and `SIM_FIRST` choose others (500 from 1), `SIM_SHARD=1/4` a part of them.
 */
import { beforeAll, describe, expect, test } from "vitest";
import type { RingModule } from "../../services/ring/ring.ts";
import { explain, loadRing, simulate } from "./sim.ts";

const first = Number(process.env["SIM_FIRST"] ?? 1);
const count = Number(process.env["SIM_SEEDS"] ?? 500);
const [shard = 1, shards = 1] = (process.env["SIM_SHARD"] ?? "1/1").split("/").map(Number);
const perTest = 50;

let ring: RingModule;
beforeAll(async () => void (ring = await loadRing()));

const seeds = Array.from({ length: count }, (_, i) => first + i).filter((seed) => seed % shards === shard % shards);
const groups = Array.from({ length: Math.ceil(seeds.length / perTest) }, (_, i) => seeds.slice(i * perTest, (i + 1) * perTest));

describe("a plane among crashes, stops, cuts, drains and a failing store keeps what it promised", () => {
  test.each(groups.map((group) => [group[0], group.at(-1), group] as const))("seeds %i to %i", (_first, _last, group) => {
    const cpu = process.cpuUsage();
    let delivered = 0;
    for (const seed of group) {
      const result = simulate(ring, seed);
      delivered += result.delivered;
      if (result.failure !== undefined) expect.fail(explain(ring, result));
    }
    expect(delivered).toBeGreaterThan(0);
    const { user, system } = process.cpuUsage(cpu);
    console.log(`seeds ${group[0]}..${group.at(-1)}: ${delivered} deliveries, ${Math.round((user + system) / 1_000)} ms of CPU`);
  });
});

describe("a seed", () => {
  test("replays its run exactly, line by line", () => {
    const tell = (): readonly [string, number] => {
      const lines: string[] = [];
      const { digest } = simulate(ring, 3, (line) => lines.push(line));
      return [lines.join("\n"), digest];
    };
    const [lines, digest] = tell();
    expect(lines.length).toBeGreaterThan(1_000);
    expect(tell()).toEqual([lines, digest]);
    expect(simulate(ring, 3).digest).toBe(digest);
  });

  test("takes another course than the next one", () => {
    expect(simulate(ring, 3).digest).not.toBe(simulate(ring, 4).digest);
  });
});
