import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../../../e2e/ports.ts";
import { findProgram, notInstalled } from "../find-program.ts";
import { ServerProcess } from "../server-process.ts";
import type { System } from "../system.ts";

const program = "mosquitto";

export const mosquitto: System = {
  name: "mosquitto",
  driver: "mqtt",
  missing: async () => ((await findProgram(program)) === undefined ? notInstalled(program, "mosquitto") : undefined),
  async start() {
    const port = await freePorts(1);
    const folder = await mkdtemp(join(tmpdir(), "ringway-bench-"));
    const file = join(folder, "mosquitto.conf");
    // Its bound of 1,000 queued messages would make it lose some silently.
    await writeFile(file, `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\nmax_queued_messages 0\nlog_type error\n`);
    const server = ServerProcess.command("mosquitto", (await findProgram(program))!, ["-c", file]);
    await server.listens(port);
    return {
      parts: [server],
      target: { host: "127.0.0.1", port },
      async stop() {
        await server.stop();
        await rm(folder, { recursive: true, force: true });
      },
    };
  },
};
