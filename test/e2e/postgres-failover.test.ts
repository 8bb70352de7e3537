/** A plane whose PostgreSQL servers are restarted, killed and replaced under load, by the word of the delivery checker. RINGWAY_TEST_EVENTS: how often each of it is done. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { PgPlace } from "../../services/store/pg-place.ts";
import { havePostgres, startPostgres, type PostgresServer } from "../engines/postgres.ts";
import { call } from "./client.ts";
import { DeliveryCheck, stallsOf, type During } from "./delivery-check.ts";
import { makeChannels } from "./operate.ts";
import { people } from "./people.ts";
import { startPlane, type TestPlane } from "./plane.ts";
import { freePorts } from "./ports.ts";
import { until } from "./wait.ts";

const events = Number(process.env["RINGWAY_TEST_EVENTS"] ?? 1);
const connections = 120;
const testMs = 120_000 + 60_000 * events;

describe.runIf(havePostgres())("a plane whose PostgreSQL fails over", () => {
  const servers: PostgresServer[] = [];
  /** of the servers: each that takes over has the next one */
  let port: number;
  let primary: PostgresServer;
  let standby: PostgresServer;
  let url: string;
  let plane: TestPlane;
  const follow = async (): Promise<void> => void servers.push((standby = await primary.standby(port + servers.length)));
  beforeAll(async () => {
    port = await freePorts(events + 2);
    servers.push((primary = await startPostgres({ port, connections })));
    await follow();
    const hosts = Array.from({ length: events + 2 }, (_, i) => `127.0.0.1:${port + i}`).join(",");
    url = `postgres://ringway:sekret@${hosts}/ringway?target_session_attrs=read-write`;
    plane = await startPlane({ env: { RINGWAY_STORE: url } });
  }, 200_000);
  afterEach(async ({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(`--- logs of the plane after: ${task.name}\n${await plane.logs()}\n`);
  });
  afterAll(async () => {
    await plane?.stop();
    for (const server of servers) await server.stop();
  });

  async function again(act: (check: DeliveryCheck) => Promise<During>): Promise<During[]> {
    const check = await DeliveryCheck.start(plane);
    const stalls: During[] = [];
    for (let i = 0; i < events; i++) stalls.push(await act(check));
    await check.kept();
    return stalls;
  }

  test.each(["fast", "immediate"] as const)("restarted (pg_ctl -m %s): nothing is lost, doubled or reordered", async (mode) => {
    const stalls = await again((check) =>
      check.during(async () => {
        await primary.halt(mode);
        await primary.start();
      }),
    );
    console.log(stallsOf(`PostgreSQL restarted, -m ${mode}`, stalls));
  }, testMs);

  test("while the standby is away publishes are refused as store_unavailable and none is acked; then all goes on", async () => {
    const [channel] = (await makeChannels(plane, 1, "pg-alone")) as [string];
    const post = (text: string): Promise<string> => call(plane.url, people.ada.token, "chat.postMessage", { channel, text, client_msg_id: text }).then(() => "acked", (error: Error) => error.message);
    const stalls = await again((check) =>
      check.during(async () => {
        await standby.halt("fast");
        const text = `alone ${check.acked}`;
        const refusal = await post(text);
        const { acked } = check;
        expect(refusal).toMatch(/: service_unavailable$/);
        expect(await post(text)).toBe(refusal);
        expect(check.acked).toBe(acked);
        await standby.start();
        await until("an ack", async () => (await post(text)) === "acked", 60_000);
      }),
    );
    // Others come with it, where a slow machine took longer than its callers wait for the reason.
    for (const { refused } of stalls) expect(refused["store_unavailable"]).toBeGreaterThan(0);
    console.log(stallsOf("PostgreSQL's standby away", stalls));
  }, testMs);

  test("the primary killed and its standby promoted: the plane finds it, and nothing is lost, doubled or reordered", async () => {
    const stalls = await again(async (check) => {
      const old = primary;
      const waited = await check.during(async () => {
        await primary.kill();
        await standby.promote();
        primary = standby;
      });
      // It comes back as what it was, and nobody takes it for the store: neither who runs nor who begins.
      await old.start();
      const { acked } = check;
      await until("acks", () => check.acked > acked + 50, 30_000);
      expect((await new PgPlace(url).server(false)).url).toContain(`@${new URL(primary.url).host}/`);
      expect((await old.ask("select timeline_id from pg_control_checkpoint()"))[0]!["timeline_id"]).toBeLessThan(servers.length);
      await old.halt("immediate");
      await follow();
      return waited;
    });
    console.log(stallsOf("PostgreSQL's primary killed, its standby promoted", stalls));
  }, testMs);
});
