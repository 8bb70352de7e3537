import { DEV_KEY } from "../../../../services/ring/key.ts";
import { nodeArgs } from "../../../../services/launch/node.ts";
import { freePorts } from "../../../e2e/ports.ts";
import { ServerProcess } from "../server-process.ts";
import type { System } from "../system.ts";

/** Ringway's gateway as it is shipped, alone: the load feeds its link. */
export const ringwayGateway: System = {
  name: "ringway-gateway",
  driver: "ringway-link",
  async start({ registryUrl, meshUrl }) {
    const port = await freePorts(1);
    const args = ["--id", "gw-0", "--listen", `127.0.0.1:${port}`, "--registry-url", registryUrl!, "--mesh-url", meshUrl!, "--log-level", "error"];
    const server = ServerProcess.node("gateway", nodeArgs("gateway", args), { RINGWAY_RING_KEY: DEV_KEY });
    await server.until(async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok);
    return { parts: [server], target: { host: "127.0.0.1", port }, stop: () => server.stop() };
  },
};
