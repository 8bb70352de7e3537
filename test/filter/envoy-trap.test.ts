/** A VM that traps, in a real Envoy: the process lives on, and after the back-off the worker routes with a new VM. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import WebSocket from "ws";
import type { Server } from "../../services/protocol/topology.ts";
import { Envoy, launched, until } from "./envoy.ts";
import { FakeCharm } from "./fake-charm.ts";
import { seal } from "./setup.ts";
import { ask, Upstream, type Answer } from "./upstream.ts";
import { root } from "./yaml.ts";

const folder = join(root, "build", `trap-${process.pid}`);
const wasm = join(folder, "filter.wasm");
const charm = new FakeCharm();
const webapp = new Upstream("webapp");
const owner = new Upstream("cs-0");
let envoy: Envoy;

/** Compiles the shipped entry with one change: the header `x-trap`, of a request or of the answer to a poll, stops the VM. */
async function compileTrapping(): Promise<void> {
  const entry = join(folder, "entry.ts");
  const shipped = await readFile(join(root, "filter", "index.ts"), "utf8");
  const changed = shipped.replace('"./plugin"', '"../../filter/plugin"').replace("new Plugin(id)", "new Trapping(id)");
  if (!changed.includes("../../filter/plugin") || !changed.includes("new Trapping")) throw new Error("filter/index.ts reads otherwise than expected");
  await mkdir(folder, { recursive: true });
  await writeFile(
    entry,
    `import { Action, Bytes, getHeader, MapType, Status } from "proxy-wasm-as";
const X_TRAP = Bytes.of("x-trap");
class Trapping extends Plugin {
  onRequestHeaders(streamId: u32, headers: u32, endOfStream: bool): Action {
    if (getHeader(MapType.HttpRequestHeaders, X_TRAP) == Status.Ok) unreachable();
    return super.onRequestHeaders(streamId, headers, endOfStream);
  }
  onHttpCallResponse(callId: u32, headers: u32, bodySize: u32): void {
    if (getHeader(MapType.HttpCallResponseHeaders, X_TRAP) == Status.Ok) unreachable();
    super.onHttpCallResponse(callId, headers, bodySize);
  }
}
${changed}`,
  );
  const asc = join(root, "node_modules", "assemblyscript", "bin", "asc.js");
  await promisify(execFile)(process.execPath, [asc, relative(root, entry), "--target", "filter", "--outFile", relative(root, wasm)], { cwd: root });
}

const member = (): Server => ({ id: owner.id, addr: owner.addr, zone: "a", weight: 100, state: "up" });
const channel = (headers: Record<string, string> = {}): Promise<Answer> => ask(envoy.mesh, "/v1/channels/C1", { headers });

/** A link to the owner that is open: the owner has said its name. */
async function connect(): Promise<WebSocket> {
  const socket = new WebSocket(`ws://${envoy.mesh}/v1/links/channel/cs-0`);
  await once(socket, "message");
  return socket;
}

/** Waits until the owner answers so many times in a row that both workers must be among them. */
async function everyWorkerRoutes(): Promise<Set<number>> {
  const others = new Set<number>();
  let row = 0;
  await until(async () => {
    const { status } = await channel();
    row = status === 200 ? row + 1 : 0;
    if (status !== 200) others.add(status);
    return row === 24;
  });
  return others;
}

beforeAll(async () => {
  await Promise.all([charm.start(), webapp.start(), owner.start(), compileTrapping()]);
  charm.setEndpoints("channel", [member()]);
  charm.publish(seal(1, { channel: [member()] }).binary);
  const { text, ...ports } = await launched({ charmPort: charm.port, webappPort: webapp.port });
  const quick = text
    .replace(/"filename": "[^"]*filter\.wasm"/g, `"filename": ${JSON.stringify(wasm)}`)
    .replaceAll('"failure_policy": "FAIL_RELOAD"', '"failure_policy": "FAIL_RELOAD", "reload_config": { "backoff": { "base_interval": "0.2s" } }');
  envoy = await Envoy.run(quick, ports);
  await everyWorkerRoutes();
});

afterAll(async () => {
  await envoy.stop();
  await Promise.all([charm.stop(), webapp.kill(), owner.kill(), rm(folder, { recursive: true })]);
});

test("the request that trapped gets 503 and reaches nobody; the worker routes the next one with a new VM", async () => {
  const seen = owner.requests.length;
  const trapped = await channel({ "x-trap": "1" });
  expect(trapped).toMatchObject({ status: 503, body: "" });
  expect(owner.requests.length).toBe(seen);
  await until(() => envoy.log.includes("proxy_on_request_headers failed"));
  await everyWorkerRoutes();
  expect(await envoy.stat("wasm.ringway.vm_reload_success")).toBeGreaterThan(0);
});

test("a VM that traps again and again is back after each back-off; until then its worker answers 503 and nothing else", async () => {
  await until(async () => {
    expect((await channel({ "x-trap": "1" })).status).toBe(503);
    return (await envoy.stat("wasm.ringway.vm_reload_backoff")) > 3;
  });
  const others = await everyWorkerRoutes();
  expect([...others].filter((status) => status !== 503)).toEqual([]);
  expect(await envoy.stat("wasm.ringway.vm_reload_failure")).toBe(0);
});

test("open sockets of a worker whose VM trapped are closed at their next frame, and a new one is taken", async () => {
  const sockets = await Promise.all(Array.from({ length: 12 }, connect));
  const closed: number[] = [];
  for (const socket of sockets) socket.on("close", (code) => closed.push(code));
  await until(async () => {
    expect((await channel({ "x-trap": "1" })).status).toBe(503);
    for (const socket of sockets) if (socket.readyState === WebSocket.OPEN) socket.send("ping");
    return closed.length === sockets.length; // so both VMs have trapped since the sockets were opened
  });
  expect(new Set(closed)).toEqual(new Set([1006]));
  await everyWorkerRoutes();
  (await connect()).terminate();
});

test("the feed goes on: a new topology is followed after all that", async () => {
  await everyWorkerRoutes();
  charm.publish(seal(2, { channel: [member()] }).binary);
  await until(async () => (await channel()).headers["x-seen-epoch"] === "2");
});

test("a VM that traps while it polls takes nobody's feed with it: each time another one, or a new one in its place, takes over when the lease has run out", async () => {
  await everyWorkerRoutes();
  for (const epoch of [3, 4, 5]) {
    await until(() => charm.waiting === 1);
    const elections = await envoy.stat("wasmcustom.ringway_feed_elections");
    const traps = envoy.log.split("proxy_on_http_call_response failed").length;
    const polls = charm.polls.length;
    charm.nextHeaders = { "x-trap": "1" };
    charm.publish(seal(epoch, { channel: [member()] }).binary);
    await until(() => envoy.log.split("proxy_on_http_call_response failed").length > traps);
    const trapped = performance.now();
    await until(() => charm.polls.length > polls);
    // 1.5 s of the lease and a round of the others' looking; far below the 10 s that a poll may wait. The emulator's tests are exact about it.
    expect(performance.now() - trapped).toBeLessThan(5_000);
    expect(charm.polls[polls]).toBe(0);
    await until(async () => (await envoy.stat("wasmcustom.ringway_feed_elections")) > elections);
    await everyWorkerRoutes();
    await until(async () => (await channel()).headers["x-seen-epoch"] === String(epoch));
  }
});
