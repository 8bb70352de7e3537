/** The embedded registry as a process of its own, so that it can be hurt while charm lives, and charm while it lives. Takes `--listen`, `--data`. */
import { parseArgs } from "node:util";
import { openEmbedded } from "../../services/registry/embedded.ts";
import { kvLimits } from "../../services/registry/kv.ts";
import { systemClock } from "../../services/runtime/clock.ts";
import { createHttp } from "../../services/runtime/http.ts";
import { runUntilSignal } from "../../services/runtime/lifecycle.ts";
import { createLog } from "../../services/runtime/log.ts";

const { listen, data } = parseArgs({ options: { listen: { type: "string", default: "" }, data: { type: "string", default: "" } } }).values;
const log = createLog("registry", "registry", "info");
const registry = await openEmbedded({ data, clock: systemClock, log });
const door = createHttp({ ...registry.routes, "GET /readyz": () => ({ status: 200, body: { ok: true } }) }, log, { bodyBytes: kvLimits.valueBytes });
const address = await door.listen(listen);
runUntilSignal(
  {
    address,
    async stop() {
      const closed = door.close();
      await registry.close();
      await closed;
    },
  },
  log,
);
