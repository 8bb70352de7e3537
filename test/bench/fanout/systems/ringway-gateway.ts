import { nodeArgs } from "../../../../services/launch/node.ts";
import { DEV_KEY } from "../../../../services/ring/key.ts";
import { freePorts } from "../../../e2e/ports.ts";
import { cpuShare, missingCpuShare } from "../cpu-share.ts";
import { ServerProcess } from "../server-process.ts";
import type { System } from "../system.ts";

/** Ringway's gateway as it is shipped, alone: the load feeds its link. */
export const ringwayGateway: System = { name: "ringway-gateway", driver: "ringway-link", start: ({ registryUrl, meshUrl }) => start(1, registryUrl!, meshUrl!) };

/** Of one core, for each process. */
const third = 1 / 3;

/** One gateway, and two that know nothing of each other, each with a third of a core to itself. They don't gather: it is CPU, not waiting, that bounds them. */
export const ringwayThirds: readonly System[] = [1, 2].map((count) => ({
  name: `ringway-gateway-third${count === 1 ? "" : `-x${count}`}`,
  driver: "ringway-link",
  scenarios: ["burst", "spread"],
  missing: missingCpuShare,
  start: ({ registryUrl, meshUrl }) => start(count, registryUrl!, meshUrl!, third),
}));

async function start(count: number, registryUrl: string, meshUrl: string, share?: number): ReturnType<System["start"]> {
  const first = await freePorts(count);
  const parts: ServerProcess[] = [];
  const shares: Awaited<ReturnType<typeof cpuShare>>[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(parts.map((part) => part.stop()));
    await Promise.all(shares.map((share) => share.remove()));
  };
  try {
    for (let i = 0; i < count; i++) {
      const args = ["--id", `gw-${i}`, "--listen", `127.0.0.1:${first + i}`, "--registry-url", registryUrl, "--mesh-url", meshUrl, "--log-level", "error"];
      const part = ServerProcess.node(i === 0 ? "gateway" : `gateway ${i + 1}`, nodeArgs("gateway", share === undefined ? args : [...args, "--gather-ms", "0"]), { RINGWAY_RING_KEY: DEV_KEY });
      parts.push(part);
      if (share === undefined) continue;
      shares.push(await cpuShare(`x${count}-${i}`, share));
      await shares[i]!.take(part.pid);
    }
    for (const [i, part] of parts.entries()) await part.until(async () => (await fetch(`http://127.0.0.1:${first + i}/readyz`)).ok);
  } catch (error) {
    await stop();
    throw error;
  }
  return { parts, target: { host: "127.0.0.1", port: first, morePorts: parts.slice(1).map((_, i) => first + 1 + i) }, stop };
}
