/** A whole plane whose store is a PostgreSQL server. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { havePostgres, startPostgres, type PostgresServer } from "../engines/postgres.ts";
import { call } from "./client.ts";
import { makeChannels, ownerOf } from "./operate.ts";
import { people } from "./people.ts";
import { startPlane, type TestPlane } from "./plane.ts";
import { Traffic } from "./traffic.ts";
import { until } from "./wait.ts";

describe.runIf(havePostgres())("a plane on PostgreSQL", () => {
  let server: PostgresServer | undefined;
  let plane: TestPlane;
  let traffic: Traffic | undefined;
  beforeAll(async () => {
    server = await startPostgres();
    plane = await startPlane({ env: { RINGWAY_STORE: server.secretUrl } });
  });
  afterEach(async ({ task }) => {
    await traffic?.end();
    traffic = undefined;
    if (task.result?.state === "fail") process.stderr.write(`--- logs of the plane after: ${task.name}\n${await plane.logs()}\n`);
  });
  afterAll(async () => {
    await plane?.stop();
    await server?.stop();
  });

  test("posts, shows history, and loses nothing when a channel's owner is killed", async () => {
    const channels = await makeChannels(plane, 4, "pg-kill");
    traffic = new Traffic(plane, channels);
    await traffic.begin();
    await traffic.more(15);
    const victim = await ownerOf(plane, channels[0]!);
    const old = await plane.kill(victim);
    await traffic.more(30);
    await plane.restarted(victim, old);
    await traffic.more(10);
    await traffic.check();
    console.log(`kill -9 of a channel server on PostgreSQL: ${traffic.acked.length} messages acked, longest wait for an ack ${Math.round(traffic.stallMs())} ms`);
  }, 60_000);

  test("refuses while the database is away, and goes on by itself with all that was acked", async () => {
    const channels = await makeChannels(plane, 4, "pg-away");
    traffic = new Traffic(plane, channels);
    await traffic.begin();
    await traffic.more(10);
    await server!.kill();
    const refusal = (): Promise<string> => call(plane.url, people.ada.token, "chat.postMessage", { channel: channels[0]!, text: "while away" }).then(() => "", (error: Error) => error.message);
    await until("a clear refusal", async () => (await refusal()).endsWith("service_unavailable"));
    await server!.start();
    await traffic.more(20);
    await traffic.check();
  }, 60_000);

  test("shows the password nowhere", async () => {
    const { processes } = await plane.file();
    const lines = await Promise.all(processes.filter(({ pid }) => pid !== null).map(({ pid }) => readFile(`/proc/${pid}/cmdline`, "utf8")));
    const seen = [plane.launcher.stdout, plane.launcher.stderr, await readFile(join(plane.data, "plane.json"), "utf8"), await plane.logs(1_000_000), ...lines].join("\n");
    expect(seen).toContain("PostgreSQL at 127.0.0.1");
    expect(seen).not.toContain("sekret");
  });
});
