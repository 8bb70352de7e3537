/** Many planes, each drawn from a seed. `SIM_SEEDS` and `SIM_FIRST` choose others (1,000 from 1). */
import { beforeAll, describe, expect, test } from "vitest";
import type { RingModule } from "../../services/ring/ring.ts";
import { explain, loadRing, simulate } from "./sim.ts";

const first = Number(process.env["SIM_FIRST"] ?? 1);
const count = Number(process.env["SIM_SEEDS"] ?? 1_000);
const perTest = 25;

/** @param remainder which half of the seeds: each file of tests has a worker of its own */
export function seedSuite(remainder: 0 | 1): void {
  const seeds = Array.from({ length: count }, (_, i) => first + i).filter((seed) => seed % 2 === remainder);
  const groups = Array.from({ length: Math.ceil(seeds.length / perTest) }, (_, i) => seeds.slice(i * perTest, (i + 1) * perTest));
  let ring: RingModule;
  beforeAll(async () => void (ring = await loadRing()));

  describe("a plane among crashes, stops, cuts, drains and a failing store keeps what it promised", () => {
    test.each(groups.map((group) => [group[0], group.at(-1), group] as const))("every other seed from %i to %i", (_first, _last, group) => {
      const cpu = process.cpuUsage();
      let delivered = 0;
      for (const seed of group) {
        const result = simulate(ring, seed);
        delivered += result.delivered;
        if (result.failure !== undefined) expect.fail(explain(ring, result));
      }
      expect(delivered).toBeGreaterThan(0);
      const { user, system } = process.cpuUsage(cpu);
      console.log(`${group.length} seeds from ${group[0]}: ${delivered} deliveries, ${Math.round((user + system) / 1_000)} ms of CPU`);
    });
  });
}
