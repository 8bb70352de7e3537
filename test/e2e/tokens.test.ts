/** Tokens that come and go while a plane runs: users' in the store, the operator's in a file. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mount } from "../engines/authority.ts";
import { api } from "./client.ts";
import { root, startPlane, type TestPlane } from "./plane.ts";
import { until } from "./wait.ts";

let folder: string;
let plane: TestPlane;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ringway-tokens-"));
  await mount(folder, { "operator-token": "the-first-operators-token\n" });
  plane = await startPlane({ env: { RINGWAY_OPERATOR_TOKEN_FILE: join(folder, "operator-token") } });
}, 150_000);
afterAll(async () => {
  await plane?.stop();
  await rm(folder, { recursive: true, force: true });
});

test("a user's new token is taken by the next call, and a revoked one refused by the next", async () => {
  const { store, data } = plane.store;
  const token = async (...args: string[]): Promise<string> => (await promisify(execFile)(process.execPath, [join(root, "services", "main.ts"), "token", ...args, "--store", store, "--data", data])).stdout.trim();
  const made = await token("create", "--user", "heidi");
  expect(await api(plane.url, made, "auth.test")).toMatchObject({ ok: true, user: "heidi" });
  const second = await token("create", "--user", "heidi");
  expect(await token("revoke", made)).toBe("revoked");
  expect(await api(plane.url, made, "auth.test")).toMatchObject({ ok: false, error: "invalid_auth" });
  expect(await api(plane.url, second, "auth.test")).toMatchObject({ ok: true, user: "heidi" });
});

test("the operator's token is what its file says: the old one is refused within a second of the change, and its streams end", async () => {
  const at = (path: string, token: string): Promise<Response> => fetch(`http://${plane.addressOf("console")}/console/api/${path}`, { headers: { authorization: `Bearer ${token}` } });
  const [first, second] = ["the-first-operators-token", "another-operators-token"];
  expect([(await at("state", first)).status, (await at("state", second)).status]).toEqual([200, 401]);
  const reader = (await at("stream", first)).body!.getReader();
  expect((await reader.read()).done).toBe(false);
  await mount(folder, { "operator-token": `${second}\n` });
  const from = performance.now();
  await until("the old token to be refused", async () => (await at("state", first)).status === 401);
  console.log(`an operator's token that was changed is refused after ${Math.round(performance.now() - from)} ms`);
  expect((await at("state", second)).status).toBe(200);
  await until("the end of the old one's stream", async () => (await reader.read()).done, 15_000, 0);
  expect(await plane.log("console")).not.toContain(second);
});
