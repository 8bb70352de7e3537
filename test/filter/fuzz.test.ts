/** A short run of `npm run fuzz:filter`, from a new seed each time. */
import { describe, test } from "vitest";
import { targets } from "../fuzz/all.ts";

const seed = Date.now() % 2 ** 31;
console.log(`fuzz seed ${seed}`);

describe(`fuzz with seed ${seed}`, () => {
  test.each(targets)("$name", ({ run, runs }) => run({ seed, numRuns: runs }));
});
