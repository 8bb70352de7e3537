import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbedded } from "../../services/registry/embedded.ts";
import { kvLimits } from "../../services/registry/kv.ts";
import { systemClock } from "../../services/runtime/clock.ts";
import { createHttp } from "../../services/runtime/http.ts";
import { createLog } from "../../services/runtime/log.ts";
import { Consul, findConsul } from "../engines/consul.ts";
import { registryContract, type RunningRegistry } from "./registry.ts";

const log = createLog("registry", "test", "silent");

registryContract("the embedded registry", async () => {
  const data = await mkdtemp(join(tmpdir(), "ringway-registry-"));
  const embedded = await openEmbedded({ data, clock: systemClock, log });
  const door = createHttp(embedded.routes, log, { bodyBytes: kvLimits.valueBytes });
  const address = await door.listen("127.0.0.1:0");
  return {
    url: `http://${address}`,
    async stop() {
      const closed = door.close();
      await embedded.close();
      await closed;
      await rm(data, { recursive: true, force: true });
    },
  };
});

const consul = await findConsul();
if (consul === undefined) console.log("registry contract: not run on a real Consul (no CONSUL_BIN, no consul on PATH, none built by npm run test:consul)");
else {
  registryContract("a real Consul", async (): Promise<RunningRegistry> => {
    const agent = await Consul.dev(consul);
    return { url: agent.url, stop: () => agent.kill() };
  });
}
