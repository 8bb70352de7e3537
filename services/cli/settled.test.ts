/** `--wait` before a charm and a gateway that say what each test wants. */
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Server, ServerState } from "../protocol/topology.ts";
import { DEV_KEY } from "../ring/key.ts";
import { loadRingModule, type RingModule } from "../ring/ring.ts";
import { sealTopology } from "../ring/seal.ts";
import { createHttp, type Reply, type Routes } from "../runtime/http.ts";
import { createLog } from "../runtime/log.ts";
import { settled } from "./settled.ts";

let module: RingModule;
beforeAll(async () => void (module = await loadRingModule(DEV_KEY)));

const silent: Reply = { status: 500 };
const sessions = (count: number): Reply => ({ status: 200, body: { sessions: count } });
let state: ServerState | "gone";
/** gateways beside gw-0 */
let others: Server[];
let intended: string[];
let gateway: () => Reply;
let asked: number;
let charmUrl: string;
const ends: (() => Promise<unknown>)[] = [];

async function door(routes: Routes): Promise<string> {
  const http = createHttp(routes, createLog("test", "peer", "silent"));
  ends.push(() => http.close(0));
  return http.listen("127.0.0.1:0");
}

beforeEach(async () => {
  [state, others, intended, asked, gateway] = ["draining", [], ["gw-0"], 0, () => sessions(0)];
  const addr = await door({ "GET /v1/status": () => (asked++, gateway()) });
  const topology = (): unknown => {
    const servers = [...(state === "gone" ? [] : [{ id: "gw-0", addr, zone: "", weight: 100, state }]), ...others];
    const none = { servers: [], pins: [] };
    return JSON.parse(Buffer.from(sealTopology(module, { epoch: 1, pools: { channel: none, presence: none, gateway: { servers, pins: [] } } }).json).toString("utf8"));
  };
  charmUrl = `http://${await door({
    "GET /v1/charm/status": () => ({ status: 200, body: { rebalance: null, intents: { drain: intended } } }),
    "GET /v1/charm/topology": () => ({ status: 200, body: topology() }),
  })}`;
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

describe("a gateway's drain that is waited for", () => {
  test("ends when the gateway itself says that its sessions have left", async () => {
    const answers = [sessions(2), silent, sessions(0)];
    gateway = () => answers.shift()!;
    await settled(charmUrl, ["gw-0"], true);
    expect(answers).toEqual([]);
  });

  test.each([
    ["down", "gw-0 is gone: it is down before it said that its clients had left"],
    ["gone", "gw-0 is gone: it left the ring before it said that its clients had left"],
  ] as const)("goes on while nobody answers, until the topology says that the gateway is %s", async (end, message) => {
    gateway = () => silent;
    const waited = settled(charmUrl, ["gw-0"], true).catch((error: unknown) => (error as Error).message);
    await vi.waitFor(() => expect(asked).toBeGreaterThan(2), 10_000);
    state = end;
    expect(await waited).toBe(message);
  });

  test("is not waited for where a zone's gateway was down before, and where one goes down the others are waited for all the same", async () => {
    const answers = [sessions(2), sessions(1), sessions(0)];
    const addr = await door({ "GET /v1/status": () => answers.shift()! });
    const dead: Server = { id: "gw-1", addr: "127.0.0.1:9", zone: "", weight: 100, state: "down" };
    others = [dead, { ...dead, id: "gw-2", addr, state: "draining" }];
    intended = ["gw-0", "gw-1", "gw-2"];
    gateway = () => {
      state = "down";
      return silent;
    };
    expect(await settled(charmUrl, intended, true, true).catch((error: unknown) => (error as Error).message)).toBe("gw-0 is gone: it is down before it said that its clients had left");
    expect(answers).toEqual([]);
    answers.push(sessions(0));
    await settled(charmUrl, intended, true, true);
    expect(answers).toEqual([]);
    await expect(settled(charmUrl, ["gw-1"], true)).rejects.toThrow("gw-1 is gone: it is down");
  });

  test("does not ask a gateway that the ring does not drain yet, nor waits for a drain that was taken back", async () => {
    state = "up";
    const waited = settled(charmUrl, ["gw-0"], true).catch((error: unknown) => (error as Error).message);
    state = "draining";
    gateway = () => {
      intended = [];
      return sessions(1);
    };
    expect(await waited).toBe("gw-0 shall not be drained any more: somebody took that back");
    expect(asked).toBe(1);
  });
});
