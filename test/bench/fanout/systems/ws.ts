import { nodeFlags } from "../../../../services/launch/node.ts";
import { freePorts } from "../../../e2e/ports.ts";
import { fileHere, ServerProcess } from "../server-process.ts";
import type { System } from "../system.ts";

/** A bare `ws` server of servers/. */
const bare = (name: string): System => ({
  name,
  driver: "ws",
  async start() {
    const port = await freePorts(1);
    const server = ServerProcess.node(name, [...nodeFlags("gateway"), fileHere(`servers/${name}.ts`), String(port)]);
    await server.listens(port);
    return { parts: [server], target: { host: "127.0.0.1", port }, stop: () => server.stop() };
  },
});

export const wsLoop = bare("ws-loop");
export const wsGathered = bare("ws-gathered");
