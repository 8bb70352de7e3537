/** The SDK's worked examples in a real Envoy, with two workers. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { envoyBinary, until } from "./envoy.ts";
import { freePort, listenOnFreePort } from "./ports.ts";
import { compiled } from "./sdk.ts";
import { ask, Upstream } from "./upstream.ts";

const upstream = new Upstream("upstream");
/** Answers what it is asked about with the status that the question's authorization names; "slow" is no answer at all. */
const judge = createServer((request, response) => {
  const { authorization = "" } = request.headers;
  asked.push(`${request.method} ${request.url} ${authorization}`);
  if (authorization !== "slow") response.writeHead(Number(authorization) || 403).end();
});
const asked: string[] = [];
let envoy: ChildProcess;
let folder: string;
let host: string;
let tcpHost: string;
let log = "";

function wasmFilter(name: Parameters<typeof compiled>[0], configuration: string, kind: "http" | "network" = "http"): unknown {
  return {
    name,
    typed_config: {
      "@type": `type.googleapis.com/envoy.extensions.filters.${kind}.wasm.v3.Wasm`,
      config: {
        name,
        vm_config: { vm_id: name, runtime: "envoy.wasm.runtime.v8", code: { local: { filename: fileURLToPath(compiled(name)) } } },
        configuration: { "@type": "type.googleapis.com/google.protobuf.StringValue", value: configuration },
      },
    },
  };
}

const address = (port: number): unknown => ({ socket_address: { address: "127.0.0.1", port_value: port } });

function cluster(name: string, port: number): unknown {
  return { name, type: "STATIC", load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }] } };
}

function config(port: number, tcpPort: number, admin: number, judgePort: number): unknown {
  const manager = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: "sdk",
    route_config: { virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "upstream" } }] }] },
    http_filters: [
      wasmFilter("add-header", "envoy-1"),
      wasmFilter("call-out", "judge"),
      { name: "router", typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" } },
    ],
  };
  const proxy = { "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", stat_prefix: "tcp", cluster: "upstream" };
  const tcpFilters = [wasmFilter("sdk-probe", "tcp", "network"), { name: "tcp", typed_config: proxy }];
  return {
    admin: { address: address(admin) },
    static_resources: {
      listeners: [
        { name: "all", address: address(port), filter_chains: [{ filters: [{ name: "http", typed_config: manager }] }] },
        { name: "tcp", address: address(tcpPort), filter_chains: [{ filters: tcpFilters }] },
      ],
      clusters: [cluster("upstream", upstream.port), cluster("judge", judgePort)],
    },
  };
}

beforeAll(async () => {
  const [port, tcpPort, admin, judgePort] = await Promise.all([freePort(), freePort(), freePort(), listenOnFreePort(judge), upstream.start()]);
  folder = await mkdtemp(join(tmpdir(), "ringway-sdk-"));
  const file = join(folder, "envoy.json");
  await writeFile(file, JSON.stringify(config(port, tcpPort, admin, judgePort)));
  envoy = spawn(await envoyBinary(), ["-c", file, "--concurrency", "2", "--use-dynamic-base-id", "-l", "warning", "--component-log-level", "wasm:info"], { stdio: ["ignore", "ignore", "pipe"] });
  envoy.stderr?.on("data", (chunk: Buffer) => (log += chunk.toString()));
  host = `127.0.0.1:${port}`;
  tcpHost = `127.0.0.1:${tcpPort}`;
  await until(async () => envoy.exitCode !== null || (await fetch(`http://127.0.0.1:${admin}/ready`)).ok);
  if (envoy.exitCode !== null) throw new Error(`Envoy ended: ${log}`);
});

afterAll(async () => {
  if (envoy.exitCode === null) {
    envoy.kill("SIGTERM");
    await once(envoy, "close");
  }
  judge.closeAllConnections();
  judge.close();
  await upstream.kill();
  await rm(folder, { recursive: true, force: true });
});

describe("add-header and call-out, one after the other", () => {
  test("a request that the judge lets pass reaches the upstream, and its answer has the header", async () => {
    const answer = await ask(host, "/some/path?q=1", { headers: { authorization: "200" } });
    expect(answer).toMatchObject({ status: 200, body: "upstream", headers: { "x-served-by": "envoy-1" } });
    expect(asked).toEqual(["GET /some/path?q=1 200"]);
    expect(upstream.requests.splice(0)).toMatchObject([{ path: "/some/path?q=1" }]);
  });

  test("a body waits with its request", async () => {
    const answer = await ask(host, "/put", { method: "POST", headers: { authorization: "200" }, body: "b".repeat(10_000) });
    expect(answer.status).toBe(200);
    expect(upstream.requests.splice(0)[0]?.body).toHaveLength(10_000);
  });

  test("one that it refuses does not, and no answer in time is a 503; the header is on those too", async () => {
    expect(await ask(host, "/x", { headers: { authorization: "403" } })).toMatchObject({ status: 403, headers: { "x-served-by": "envoy-1" } });
    expect(await ask(host, "/x")).toMatchObject({ status: 403 });
    expect(await ask(host, "/x", { headers: { authorization: "slow" } })).toMatchObject({ status: 503, headers: { "x-served-by": "envoy-1" } });
    expect(upstream.requests).toEqual([]);
  });

  test("many at once, on both workers, some of whose clients leave, each get their own answer", async () => {
    const statuses = await Promise.all(Array.from({ length: 200 }, async (_, i) => (await ask(host, `/${i}`, { headers: { authorization: i % 3 === 0 ? "200" : "403" } })).status));
    expect(statuses).toEqual(statuses.map((_, i) => (i % 3 === 0 ? 200 : 403)));
    const left = Array.from({ length: 20 }, () => fetch(`http://${host}/left`, { headers: { authorization: "slow" }, signal: AbortSignal.timeout(100) }).catch(() => "left"));
    expect(await Promise.all(left)).toEqual(left.map(() => "left"));
    // Past the judge's time, when the answers for those who left have come.
    await until(async () => (await ask(host, "/x", { headers: { authorization: "slow" } })).status === 503);
    expect(await ask(host, "/x", { headers: { authorization: "200" } })).toMatchObject({ status: 200 });
    expect(log).not.toMatch(/\[(error|critical)\]/);
  });

  test("an oversized header is an answer, and Envoy lives on", async () => {
    expect((await ask(host, "/x", { headers: { authorization: "4".repeat(20_000) } })).status).toBe(503);
    expect((await ask(host, "/x", { headers: { authorization: "4".repeat(64 * 1024) } })).status).toBe(431);
    expect((await ask(host, "/x", { headers: { authorization: "200" } })).status).toBe(200);
    expect(log).not.toMatch(/\[(error|critical)\]/);
  });
});

describe("the probe, which uses every call and callback of the ABI", () => {
  test("is taken by Envoy as it is, so every import is offered there, and sees a TCP connection from its start to its end", async () => {
    const socket = connect({ host: "127.0.0.1", port: Number(tcpHost.split(":")[1]) });
    socket.on("error", () => {});
    await once(socket, "connect");
    socket.write("GET /tcp HTTP/1.1\r\nhost: x\r\n\r\n");
    // It closes the upstream's side when the first bytes come from there.
    await until(() => log.includes("upstream_data"));
    socket.destroy();
    const events = ["vm_start 0 0", "configure 3 0", "new_connection 0 0", "0:GET /tcp", "downstream_data 30 0", "upstream_data", "stream_done 0 0", "log 0 0", "delete 0 0"];
    await until(() => events.every((event) => log.includes(event)));
  });
});
