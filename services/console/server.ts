/** The operator's console: a page, and the API that it lives on. It keeps nothing: what it shows it asks for, what is changed charm keeps. */
import { ProtocolError } from "../protocol/problems.ts";
import { loadRingModule } from "../ring/ring.ts";
import { builtAt } from "../runtime/built-page.ts";
import { createHttp, type Routes } from "../runtime/http.ts";
import type { Running } from "../runtime/lifecycle.ts";
import type { Log } from "../runtime/log.ts";
import { guard } from "./access.ts";
import { changeRoutes } from "./changes.ts";
import { CharmDoor } from "./charm.ts";
import type { Config } from "./config.ts";
import { CurrentRing } from "./current-ring.ts";
import { lookUpRoutes } from "./look-up.ts";
import { consoleMetrics } from "./metrics.ts";
import { Observer } from "./observer.ts";
import { pageRoutes } from "./pages.ts";
import type { Snapshot } from "./snapshot.ts";
import { Watch } from "./watch.ts";

/** @param page the folder of the built page. @throws UsageError where it is not built; Error where the address is unusable */
export async function start(config: Config, log: Log, page: string = builtAt("console")): Promise<Running> {
  const charm = new CharmDoor(config.charmUrl);
  const ring = new CurrentRing(charm, await loadRingModule(config.ringKey));
  const observer = new Observer(charm, ring, config.envoyAdminUrls);
  const watch = new Watch(() => observer.look(), log);
  const counters = { changes: 0, refused: 0, get looks() { return watch.looks; } };
  const metrics = consoleMetrics(() => watch.watchers, counters, watch.times);
  const guarded = guard(config.operatorToken, () => counters.refused++);
  const door = createHttp(
    {
      "GET /livez": () => ({ status: 200, body: { ok: true } }),
      "GET /readyz": () => ({ status: 200, body: { ok: true } }),
      "GET /v1/status": () => ({ status: 200, body: { service: "console", watchers: watch.watchers, ...counters } }),
      "GET /metrics": (request) => metrics.answer(request),
      ...guarded({ ...watchRoutes(watch), ...changeRoutes(charm, ring, log, () => counters.changes++), ...lookUpRoutes(ring, config.meshUrl) }),
      // After the API's own paths: it takes whatever else is below.
      ...(await pageRoutes(page)),
    },
    log,
    // Browsers have no certificate of the plane: what the console asks for is the operator's token.
    { clients: "anybody" },
  );
  const address = await door.listen(config.listen);
  return {
    address,
    async stop() {
      watch.stop();
      await door.close();
    },
  };
}

function watchRoutes(watch: Watch): Routes {
  return {
    "GET /console/api/state": async () => {
      watch.refuseTooMany();
      for await (const snapshot of watch.follow()) return { status: 200, body: snapshot };
      throw new ProtocolError("unavailable");
    },
    "GET /console/api/stream": () => {
      watch.refuseTooMany();
      return { status: 200, headers: { "content-type": "application/x-ndjson" }, stream: lines(watch.follow()) };
    },
  };
}

async function* lines(snapshots: AsyncIterable<Snapshot>): AsyncGenerator<string> {
  for await (const snapshot of snapshots) yield `${JSON.stringify(snapshot)}\n`;
}
