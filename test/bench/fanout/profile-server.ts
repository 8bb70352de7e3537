/** Loaded before a Node server (`--import`) with `--profile`: samples it from now on, and writes the profile into the file of that variable when it is told to end. */
import { writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";

const session = new Session();
session.connect();
await session.post("Profiler.enable");
await session.post("Profiler.setSamplingInterval", { interval: 200 });
await session.post("Profiler.start");
process.prependListener("SIGTERM", () => {
  void session.post("Profiler.stop").then(({ profile }) => {
    writeFileSync(`${process.env["RINGWAY_BENCH_PROFILE"]}-${process.pid}.cpuprofile`, JSON.stringify(profile));
    process.exit();
  });
});
