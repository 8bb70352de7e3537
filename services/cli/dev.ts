/** `ringway dev`, which is what `npm start` runs: a whole plane on this machine, with demo users. */
import { BuildError } from "../launch/build.ts";
import { flags, readConfig } from "../launch/config.ts";
import { NoEnvoyError } from "../launch/find-envoy.ts";
import { complain } from "./output.ts";
import type { Verb } from "./verb.ts";

export const dev: Verb = {
  summary: "bring up a whole plane on this machine, Envoy included, with demo users (npm start)",
  flags,
  async run(argv) {
    const config = readConfig(argv);
    if (config.ringKey === "" && !config.host.startsWith("127.")) {
      complain(new Error(`warning: others may reach ${config.host}, where the hash key and the demo tokens are the ones that everybody knows`));
    }
    const say = (line: string): void => void process.stdout.write(`${line}\n`);
    // A terminal or pipe that went away must not end the launcher before its children are stopped.
    for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
    let stopEarly = false;
    const stopped = new Promise<void>((resolve) => {
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
        process.on(signal, () => {
          if (stopEarly) return;
          stopEarly = true;
          resolve();
        });
      }
    });
    const { LaunchError, startPlane, StoppedEarly } = await import("../launch/plane.ts");
    let plane;
    try {
      plane = await startPlane(config, say, stopped);
    } catch (error) {
      if (error instanceof StoppedEarly) {
        say("Stopped before it was up; nothing is left running");
        return 0;
      }
      if (![LaunchError, BuildError, NoEnvoyError].some((known) => error instanceof known)) throw error;
      complain(error as Error);
      return 1;
    }
    for (const line of banner(plane.table(), plane.url, plane.consoleUrl, config.data)) say(line);
    await stopped;
    say("Stopping");
    await plane.stop();
    say("Ringway is down; nothing is left running");
    return 0;
  },
};

function banner(table: readonly string[], url: string, consoleUrl: string, data: string): string[] {
  return [
    "",
    ...table,
    "",
    "  demo tokens: xoxp-dev-ada  xoxp-dev-grace  xoxp-dev-linus  xoxp-dev-margaret  xoxb-dev-robot",
    "  demo channels: general (C0GENERAL)  random (C0RANDOM)",
    `  console: ${consoleUrl}`,
    `  logs and store: ${data}    stop: Ctrl-C`,
    "",
    `Ringway is up: ${url}`,
  ];
}
