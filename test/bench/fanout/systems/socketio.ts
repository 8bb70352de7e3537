import { nodeFlags } from "../../../../services/launch/node.ts";
import { freePorts } from "../../../e2e/ports.ts";
import { fileHere, ServerProcess } from "../server-process.ts";
import type { System } from "../system.ts";

export const socketIo: System = {
  name: "socketio",
  driver: "socketio",
  async start() {
    const port = await freePorts(1);
    const server = ServerProcess.node("socketio", [...nodeFlags("gateway"), fileHere("servers/socketio.ts"), String(port)]);
    await server.listens(port);
    return { parts: [server], target: { host: "127.0.0.1", port }, stop: () => server.stop() };
  },
};
