/**
 * Fuzzes the filter on the emulated host: `npm run fuzz:filter -- --seed 7 --seconds 60`. One seed is one course of cases;
 * without `--seed` it takes one from the clock, and prints it. Ends with 1 at the first case that fails, shrunk.
 */
import { parseArgs } from "node:util";
import { buildWasm } from "../../services/launch/build.ts";

const { values } = parseArgs({ options: { seed: { type: "string" }, seconds: { type: "string", default: "30" } } });
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
const seconds = Number(values.seconds);
if (!Number.isSafeInteger(seed) || !(seconds > 0)) {
  console.error("usage: fuzz:filter [--seed WHOLE_NUMBER] [--seconds NUMBER]");
  process.exit(2);
}

await buildWasm((line) => console.log(line));
const { targets } = await import("./all.ts"); // loads what was just built
console.log(`seed ${seed}, ${seconds} s`);
const cases = new Map(targets.map(({ name }) => [name, 0]));
const end = performance.now() + seconds * 1000;
for (let round = 0; round === 0 || performance.now() < end; round++) {
  for (const { name, runs, run } of targets) {
    try {
      run({ seed: (seed + round) | 0, numRuns: runs });
    } catch (error) {
      console.error(`failed: ${name} (seed ${seed}, round ${round})`);
      console.error(error);
      process.exit(1);
    }
    cases.set(name, cases.get(name)! + runs);
  }
}
for (const [name, count] of cases) console.log(`${String(count).padStart(9)}  ${name}`);
