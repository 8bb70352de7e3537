/** One look, before a charm and servers of the test's own that answer as each test wants. */
import { afterEach, beforeAll, expect, test } from "vitest";
import type { Server } from "../protocol/topology.ts";
import { DEV_KEY } from "../ring/key.ts";
import { loadRingModule, type RingModule } from "../ring/ring.ts";
import { sealTopology } from "../ring/seal.ts";
import { createHttp, type Handler, type Routes } from "../runtime/http.ts";
import { createLog } from "../runtime/log.ts";
import { CharmDoor } from "./charm.ts";
import { CurrentRing } from "./current-ring.ts";
import { Observer } from "./observer.ts";

let module: RingModule;
beforeAll(async () => void (module = await loadRingModule(DEV_KEY)));
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function door(routes: Routes): Promise<string> {
  const http = createHttp(routes, createLog("test", "peer", "silent"));
  ends.push(() => http.close(0));
  return http.listen("127.0.0.1:0");
}

const never: Handler = () => new Promise(() => undefined);
const metrics = (text: string): Routes => ({ "GET /metrics": () => ({ status: 200, body: text }) });
const server = (id: string, addr: string): Server => ({ id, addr, zone: "a", weight: 100, state: "up" });

async function observer(pools: { readonly channel: readonly Server[]; readonly gateway: readonly Server[] }, envoys: readonly string[] = []): Promise<Observer> {
  const { json } = sealTopology(module, { epoch: 5, pools: { channel: { servers: pools.channel, pins: [] }, presence: { servers: [], pins: [] }, gateway: { servers: pools.gateway, pins: [] } } });
  const charm = new CharmDoor(`http://${await door({ "GET /v1/charm/topology": () => ({ status: 200, body: JSON.parse(Buffer.from(json).toString("utf8")) as unknown }) })}`);
  return new Observer(charm, new CurrentRing(charm, module), envoys);
}

test("a peer that hangs slows the look for nobody, and is shown as it was last seen", async () => {
  let hangs = false;
  const slow = await door({
    "GET /metrics": (request) => (hangs ? never(request) : { status: 200, body: "ringway_gateway_sessions 3\n" }),
    "GET /stats": (request) => (hangs ? never(request) : { status: 200, headers: { "content-type": "text/plain" }, body: "wasmcustom.ringway_epoch: 5\n" }),
  });
  const quick = await door(metrics("ringway_channel_channels 7\n"));
  const watched = await observer({ channel: [server("cs-0", quick)], gateway: [server("gw-0", slow)] }, [`http://${slow}`]);
  expect(await watched.look()).toMatchObject({ servers: [{ id: "cs-0", stale: false }, { id: "gw-0", stale: false, figures: { connections: 3 } }], envoys: [{ epoch: 5, stale: false }] });
  hangs = true;
  const from = performance.now();
  const look = await watched.look();
  expect(performance.now() - from).toBeLessThan(2_000);
  expect(look).toMatchObject({ servers: [{ id: "cs-0", stale: false, figures: { channels: 7 } }, { id: "gw-0", stale: true, figures: { connections: 3 } }], envoys: [{ epoch: 5, stale: true }] });
});

test("servers of two pools that have the same ID have figures of their own", async () => {
  const [channel, gateway] = [await door(metrics("ringway_channel_channels 7\n")), await door(metrics("ringway_gateway_sessions 3\n"))];
  const watched = await observer({ channel: [server("one", channel)], gateway: [server("one", gateway)] });
  expect((await watched.look()).servers.map(({ pool, figures }) => [pool, figures?.channels, figures?.connections])).toEqual([["channel", 7, 0], ["gateway", 0, 3]]);
});
