/** A registry of the bench's own and the ring in it, for a service that is measured without a charm. */
import { TOPOLOGY_KEY, type Pool, type Server } from "../../services/protocol/topology.ts";
import { connectRegistry } from "../../services/registry/consul.ts";
import { openEmbedded } from "../../services/registry/embedded.ts";
import { DEV_KEY } from "../../services/ring/key.ts";
import { loadRingModule } from "../../services/ring/ring.ts";
import { sealTopology } from "../../services/ring/seal.ts";
import { systemClock as clock } from "../../services/runtime/clock.ts";
import { createHttp } from "../../services/runtime/http.ts";
import { createLog } from "../../services/runtime/log.ts";

export interface BenchRegistry {
  readonly url: string;
  /**
   * Publishes a ring of these servers, one in a pool at most; a pool that is left out is empty.
   * @param servers pool → ID and address; at which nobody need listen where all go through a mesh
   * @returns its epoch
   */
  crown(servers: Partial<Record<Pool, readonly [id: string, addr: string]>>): Promise<number>;
  close(): Promise<void>;
}

export async function openBenchRegistry(): Promise<BenchRegistry> {
  const log = createLog("bench", "registry", "silent");
  const module = await loadRingModule(DEV_KEY);
  const registry = await openEmbedded({ clock, log });
  const door = createHttp(registry.routes, log, { bodyBytes: 512 * 1024 });
  const url = `http://${await door.listen("127.0.0.1:0")}`;
  let epoch = 0;
  return {
    url,
    async crown(servers) {
      const pool = (name: Pool): { servers: Server[]; pins: [] } => {
        const one = servers[name];
        return { servers: one === undefined ? [] : [{ id: one[0], addr: one[1], zone: "", weight: 100, state: "up" }], pins: [] };
      };
      const pools = { channel: pool("channel"), presence: pool("presence"), gateway: pool("gateway") };
      await connectRegistry(url).put(TOPOLOGY_KEY, sealTopology(module, { epoch: ++epoch, pools }).json);
      return epoch;
    },
    async close() {
      await door.close(50);
      await registry.close();
    },
  };
}
