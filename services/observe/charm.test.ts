import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { leadingCharm } from "./charm.ts";

const servers: Server[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.close()));

/** A charm that says this of itself. */
async function charm(status: number, said: object): Promise<string> {
  const server = createServer((_, response) => response.writeHead(status).end(JSON.stringify(said)));
  servers.push(server);
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const gone = "http://127.0.0.1:1";

test("of several charms the one that leads is asked", async () => {
  const [follows, leads] = [await charm(200, { leading: false }), await charm(200, { leading: true })];
  expect(await leadingCharm(`${gone},${follows},${leads}`)).toBe(leads);
});

test("where none leads the first that answers is asked, and where none answers the first", async () => {
  const [ill, follows] = [await charm(500, {}), await charm(200, { leading: false })];
  expect(await leadingCharm(`${gone},${ill},${follows}`)).toBe(follows);
  expect(await leadingCharm(`${gone},http://127.0.0.1:2`)).toBe(gone);
});

test("a single charm is not asked whether it leads", async () => {
  expect(await leadingCharm(gone)).toBe(gone);
});
