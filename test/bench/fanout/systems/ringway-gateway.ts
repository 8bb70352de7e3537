import { nodeArgs } from "../../../../services/launch/node.ts";
import { DEV_KEY } from "../../../../services/ring/key.ts";
import { freePorts } from "../../../e2e/ports.ts";
import { ServerProcess } from "../server-process.ts";
import type { System } from "../system.ts";

/** Ringway's gateway as it is shipped, alone: the load feeds its link. */
export const ringwayGateway = gateways("ringway-gateway", [0]);

/** Two of them, which know nothing of each other. The second has what the load leaves of its core. */
export const ringwayTwoGateways: System = { ...gateways("ringway-gateway-x2", [0, 1]), scenarios: ["burst", "spread"] };

function gateways(name: string, cores: readonly (0 | 1)[]): System {
  return {
    name,
    driver: "ringway-link",
    async start({ registryUrl, meshUrl }) {
      const first = await freePorts(cores.length);
      const ports = cores.map((_, i) => first + i);
      const parts = cores.map((core, i) => {
        const args = ["--id", `gw-${i}`, "--listen", `127.0.0.1:${ports[i]}`, "--registry-url", registryUrl!, "--mesh-url", meshUrl!, "--log-level", "error"];
        return ServerProcess.node(i === 0 ? "gateway" : `gateway ${i + 1}`, nodeArgs("gateway", args), { RINGWAY_RING_KEY: DEV_KEY }, core);
      });
      const stop = async (): Promise<void> => void (await Promise.all(parts.map((part) => part.stop())));
      try {
        for (const [i, part] of parts.entries()) await part.until(async () => (await fetch(`http://127.0.0.1:${ports[i]}/readyz`)).ok);
      } catch (error) {
        await stop();
        throw error;
      }
      return { parts, target: { host: "127.0.0.1", port: ports[0]!, morePorts: ports.slice(1) }, stop };
    },
  };
}
