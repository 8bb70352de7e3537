/**
 * The simulation has to find what it is there to find: the plane with a bug in one of its rules, as it is loaded by a process of
 * its own (plant.ts), run seed by seed until a promise breaks.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { plant, plantedBugs } from "./planted.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const seedsMost = 1_000;

function simulateWith(name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const args = ["--import", "./test/sim/plant.ts", "test/sim/run.ts", "--seeds", String(seedsMost)];
    // A run that found something ends with status 1.
    execFile(process.execPath, args, { cwd: root, env: { ...process.env, SIM_PLANT: name } }, (error, stdout, stderr) => (error === null || error.code === 1 ? resolve(stdout) : reject(new Error(stderr))));
  });
}

describe("a planted bug is found", () => {
  test.each(plantedBugs)(
    "$name",
    async ({ name, says }) => {
      const lines = (await simulateWith(name)).split("\n");
      const found = lines.find((line) => /^seed \d+: /.test(line));
      expect(found, `not within ${seedsMost} seeds`).toBeDefined();
      expect(found).toMatch(says);
      console.log(`"${name}": ${found!.slice(0, 160)}`);
    },
    240_000,
  );

  test("only where its place is what it was", () => {
    const bug = { name: "b", file: "f.ts", edits: [{ find: "a < b", replace: "a <= b" }], says: /x/ };
    expect(plant(bug, "if (a < b) c();")).toBe("if (a <= b) c();");
    expect(() => plant(bug, "if (a <= b) c();")).toThrow('"b": "a < b" is 0 times in f.ts');
    expect(() => plant(bug, "a < b || a < b")).toThrow("is 2 times");
  });
});
