import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbedded } from "../../services/registry/embedded.ts";
import { kvLimits } from "../../services/registry/kv.ts";
import { systemClock } from "../../services/runtime/clock.ts";
import { createHttp } from "../../services/runtime/http.ts";
import { createLog } from "../../services/runtime/log.ts";
import { ask } from "../../services/runtime/request.ts";
import { registryContract, type RunningRegistry } from "./registry.ts";

const log = createLog("registry", "test", "silent");

registryContract("the embedded registry", async () => {
  const data = await mkdtemp(join(tmpdir(), "ringway-registry-"));
  const embedded = await openEmbedded({ data, clock: systemClock, log });
  const door = createHttp(embedded.routes, log, kvLimits.valueBytes);
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

const consul = findConsul();
if (consul === undefined) console.log("registry contract: not run on a real Consul (no CONSUL_BIN, no consul on PATH)");
else registryContract("a real Consul", () => startConsul(consul));

function findConsul(): string | undefined {
  for (const bin of [process.env["CONSUL_BIN"], "consul"]) {
    if (bin === undefined || bin === "") continue;
    try {
      execFileSync(bin, ["version"], { stdio: "ignore" });
      return bin;
    } catch {
      // not there, or not runnable: the next
    }
  }
  return undefined;
}

async function startConsul(bin: string): Promise<RunningRegistry> {
  const [http, serf, server] = [await freePort(), await freePort(), await freePort()];
  const args = ["agent", "-dev", "-bind=127.0.0.1", "-client=127.0.0.1", `-http-port=${http}`, `-serf-lan-port=${serf}`, `-server-port=${server}`];
  const child = spawn(bin, [...args, "-dns-port=-1", "-grpc-port=-1", "-serf-wan-port=-1", "-log-level=error"], { stdio: "ignore" });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const url = `http://127.0.0.1:${http}`;
  const deadline = Date.now() + 30_000;
  for (;;) {
    const answer = await ask(`${url}/v1/kv/contract/ready`, { method: "PUT", body: Buffer.from("x") }).catch(() => undefined);
    if (answer?.json === true) break;
    if (Date.now() > deadline || child.exitCode !== null) throw new Error("consul did not come up");
    await systemClock.sleep(50);
  }
  return {
    url,
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
