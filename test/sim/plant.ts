/** `SIM_PLANT="<name>" node --import ./test/sim/plant.ts test/sim/run.ts`: the simulation of a plane with that bug in it. */
import { registerHooks } from "node:module";
import { plant, plantedBug } from "./planted.ts";

const bug = plantedBug(process.env["SIM_PLANT"] ?? "");
const target = new URL(`../../${bug.file}`, import.meta.url).href;
let done = false;

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (url !== target) return loaded;
    done = true;
    return { ...loaded, source: plant(bug, new TextDecoder().decode(loaded.source as Uint8Array)) };
  },
});

process.on("exit", () => {
  if (done) return;
  console.error(`"${bug.name}" was not planted: nothing loaded ${bug.file}`);
  process.exitCode = 3;
});
