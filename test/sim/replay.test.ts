/** A seed is a run: the same each time, and another one than the next. */
import { beforeAll, expect, test } from "vitest";
import type { RingModule } from "../../services/ring/ring.ts";
import { loadRing, simulate } from "./sim.ts";

let ring: RingModule;
beforeAll(async () => void (ring = await loadRing()));

test("a seed replays its run exactly, line by line", () => {
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

test("a seed takes another course than the next one", () => {
  expect(simulate(ring, 3).digest).not.toBe(simulate(ring, 4).digest);
});
