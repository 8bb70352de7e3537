/**
 * `npm run sim -- --seeds 10000 --seed 1`: many runs by hand. It ends at the first seed that fails, unless `--keep-going` is there,
 * and says how to see it again. `--trace` writes every line of all runs.
 */
import { parseArgs } from "node:util";
import { again, explain, loadRing, simulate } from "./sim.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    trace: { type: "boolean", default: false },
    "keep-going": { type: "boolean", default: false },
  },
});
const first = Number(values.seed);
const count = Number(values.seeds);
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1) {
  console.error("sim: --seed and --seeds take whole numbers, --seeds from 1");
  process.exit(2);
}

const ring = await loadRing();
const beganAt = performance.now();
const failed: number[] = [];
let steps = 0;
let delivered = 0;
for (let i = 0; i < count; i++) {
  const result = simulate(ring, first + i, values.trace ? (line) => console.log(line) : undefined);
  steps += result.steps;
  delivered += result.delivered;
  if (result.failure !== undefined) {
    failed.push(result.seed);
    console.log(values["keep-going"] ? `seed ${result.seed}: ${result.failure.slice(0, 300)}\nagain: ${again(result.seed)}` : explain(ring, result));
    if (!values["keep-going"]) break;
  }
  if ((i + 1) % (process.stderr.isTTY ? 25 : 500) === 0) {
    process.stderr.write(`${process.stderr.isTTY ? "\r" : ""}${i + 1} of ${count} seeds, ${failed.length} failed, ${seconds()} s${process.stderr.isTTY ? " " : "\n"}`);
  }
}
if (process.stderr.isTTY) process.stderr.write("\n");
console.log(`seeds ${first}..${first + count - 1}: ${failed.length} failed, ${steps} steps, ${delivered} deliveries, ${seconds()} s`);
if (failed.length > 0) {
  console.log(`failing: ${failed.join(" ")}`);
  process.exit(1);
}

function seconds(): string {
  return ((performance.now() - beganAt) / 1_000).toFixed(1);
}
