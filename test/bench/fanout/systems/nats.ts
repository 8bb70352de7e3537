import { freePorts } from "../../../e2e/ports.ts";
import { findProgram, notInstalled } from "../find-program.ts";
import { ServerProcess } from "../server-process.ts";
import type { System } from "../system.ts";

const program = "nats-server";

export const nats: System = {
  name: "nats",
  driver: "nats",
  missing: async () => ((await findProgram(program)) === undefined ? notInstalled(program, "nats-server") : undefined),
  async start() {
    const port = await freePorts(1);
    const server = ServerProcess.command("nats", (await findProgram(program))!, ["-a", "127.0.0.1", "-p", String(port), "-l", "/dev/null"]);
    await server.listens(port);
    return { parts: [server], target: { host: "127.0.0.1", port }, stop: () => server.stop() };
  },
};
