/** What a channel server needs around it: a registry, and a topology in which all channels are its own. */
import { TOPOLOGY_KEY } from "../../../services/protocol/topology.ts";
import { connectRegistry } from "../../../services/registry/consul.ts";
import { openEmbedded } from "../../../services/registry/embedded.ts";
import { DEV_KEY } from "../../../services/ring/key.ts";
import { loadRingModule } from "../../../services/ring/ring.ts";
import { sealTopology } from "../../../services/ring/seal.ts";
import { systemClock as clock } from "../../../services/runtime/clock.ts";
import { createHttp } from "../../../services/runtime/http.ts";
import { createLog } from "../../../services/runtime/log.ts";
import { ask } from "../../../services/runtime/request.ts";
import { setTimeout as sleep } from "node:timers/promises";

export interface Plane {
  readonly registry: string;
  /** The server at this address gets every slot. Resolves when it knows. */
  crown(addr: string): Promise<void>;
  close(): Promise<void>;
}

export async function openPlane(): Promise<Plane> {
  const log = createLog("bench", "registry", "error");
  const module = await loadRingModule(DEV_KEY);
  const registry = await openEmbedded({ clock, log });
  const door = createHttp(registry.routes, log);
  const url = `http://${await door.listen("127.0.0.1:0")}`;
  let epoch = 0;
  return {
    registry: url,
    async crown(addr) {
      const none = { servers: [], pins: [] };
      const channel = { servers: [{ id: "cs-0", addr, zone: "", weight: 100, state: "up" as const }], pins: [] };
      const { json } = sealTopology(module, { epoch: ++epoch, pools: { channel, presence: none, gateway: none } });
      await connectRegistry(url).put(TOPOLOGY_KEY, json);
      while ((await statusOf(addr)).epoch !== epoch) await sleep(20);
    },
    async close() {
      await door.close();
      await registry.close();
    },
  };
}

/** `GET /v1/status` of a channel server. */
export async function statusOf(addr: string): Promise<{ readonly epoch: number; readonly channels: number; readonly subscriptions: number }> {
  return (await ask(`http://${addr}/v1/status`)).json as { epoch: number; channels: number; subscriptions: number };
}
