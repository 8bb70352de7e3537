/** Preloaded (`node --import`) into a service: its wall clock is off by as many milliseconds as the file says that RINGWAY_CHAOS_SKEW names. */
import { readFileSync } from "node:fs";

const file = process.env["RINGWAY_CHAOS_SKEW"];
const now = Date.now.bind(Date);
let skewMs = 0;
if (file !== undefined) {
  const look = (): void => {
    try {
      skewMs = Number(readFileSync(file, "utf8"));
    } catch {
      // Nobody has turned it yet.
    }
  };
  look();
  setInterval(look, 50).unref();
  Date.now = () => now() + skewMs;
}
