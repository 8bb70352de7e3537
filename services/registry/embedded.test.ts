import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../runtime/clock.ts";
import { createHttp, type HttpDoor } from "../runtime/http.ts";
import { createLog } from "../runtime/log.ts";
import { ask, type Answer } from "../runtime/request.ts";
import type { Registry } from "./client.ts";
import { connectRegistry } from "./consul.ts";
import { type EmbeddedRegistry, openEmbedded } from "./embedded.ts";
import { kvLimits } from "./kv.ts";

const log = createLog("registry", "test", "silent");
const text = (value: string): Uint8Array => Buffer.from(value);

let data: string;
let embedded: EmbeddedRegistry;
let door: HttpDoor;
let url: string;
let registry: Registry;

async function open(): Promise<void> {
  embedded = await openEmbedded({ data, clock: systemClock, log });
  door = createHttp(embedded.routes, log, { bodyBytes: kvLimits.valueBytes });
  url = `http://${await door.listen("127.0.0.1:0")}/v1`;
  registry = connectRegistry(url.slice(0, -3));
}

async function close(): Promise<void> {
  const closed = door.close();
  await embedded.close();
  await closed;
}

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "ringway-registry-"));
  await open();
});

afterEach(async () => {
  await close();
  await rm(data, { recursive: true, force: true });
});

const http = (method: "GET" | "PUT" | "DELETE", path: string, body?: unknown): Promise<Answer> => ask(url + path, { method, ...(body === undefined ? {} : { body }) });

describe("a restart", () => {
  test("keeps keys, and never takes an index back, not even that of services", async () => {
    await registry.put("a", text("kept"));
    await registry.put("b", text("deleted"));
    await registry.delete("b");
    await registry.register({ service: "s", id: "s-1", addr: "127.0.0.1:1", meta: {}, ttlMs: 60_000 });
    const before = { a: await registry.get("a"), none: await registry.get("none"), services: await registry.instances("s") };
    await close();
    await open();
    const after = await registry.get("a");
    expect(after.entry).toEqual(before.a.entry);
    expect((await registry.get("b")).entry).toBeUndefined();
    expect((await registry.get("none")).index).toBeGreaterThanOrEqual(before.none.index);
    const services = await registry.instances("s", { index: before.services.index, waitMs: 5_000 });
    expect(services.instances).toEqual([]);
    expect(services.index).toBeGreaterThan(before.services.index);
    await registry.put("a", text("changed"));
    expect((await registry.get("a")).entry!.modifyIndex).toBeGreaterThan(before.services.index);
  });

  test("frees locks, since sessions end with the process", async () => {
    await registry.acquire("lock", text("one"), await registry.createSession("one", 10_000));
    await close();
    await open();
    const { entry } = await registry.get("lock");
    expect([entry?.value.toString(), entry?.session]).toEqual(["one", undefined]);
    expect(await registry.acquire("lock", text("two"), await registry.createSession("two", 10_000))).toBe(true);
  });

  test("refuses a file that is damaged, and says what to do", async () => {
    await close();
    const file = join(data, "registry.json");
    const whole = await readFile(file, "utf8");
    await writeFile(file, whole.slice(0, -1));
    await expect(openEmbedded({ data, clock: systemClock, log })).rejects.toThrow(/registry\.json in the data folder is damaged .*restore it, or remove it/);
    await writeFile(file, whole);
    await open();
  });

  test("survives the draft of a write that a crash cut short", async () => {
    await registry.put("a", text("kept"));
    await close();
    await writeFile(join(data, "registry.json.tmp"), "{");
    await open();
    expect((await registry.get("a")).entry?.value.toString()).toBe("kept");
    expect(await registry.put("a", text("more"))).toBe(true);
  });
});

test("a write that can't reach the disk is refused, and nothing of it is seen", async () => {
  await registry.put("a", text("on disk"));
  // A folder where the draft goes makes every write fail.
  await mkdir(join(data, "registry.json.tmp"));
  expect((await http("PUT", "/kv/a", Buffer.from("lost"))).status).toBe(500);
  expect((await registry.get("a")).entry?.value.toString()).toBe("on disk");
  await rm(join(data, "registry.json.tmp"), { recursive: true });
  expect(await registry.put("a", text("again"))).toBe(true);
});

test("the bounds have answers: large values, long keys, odd parameters", async () => {
  expect(await registry.put("large", Buffer.alloc(kvLimits.valueBytes))).toBe(true);
  expect((await http("PUT", "/kv/large", Buffer.alloc(kvLimits.valueBytes + 1)).catch(() => ({ status: 413 }))).status).toBe(413);
  const refused = async (path: string, method: "GET" | "PUT" = "PUT"): Promise<[number, string]> => {
    const { status, bytes } = await http(method, path, method === "PUT" ? Buffer.from("x") : undefined);
    return [status, bytes.toString("utf8", 0, 60)];
  };
  expect(await refused("/kv/")).toEqual([400, "Missing key name"]);
  expect(await refused(`/kv/${"k".repeat(600)}`)).toEqual([400, "Key is longer than 512 bytes"]);
  expect(await refused("/kv/a?cas=minus")).toEqual([400, "Invalid cas"]);
  expect(await refused("/kv/a?cas=1&acquire=x")).toEqual([400, "Conflicting flags: at most one of cas, acquire, release"]);
  expect(await refused("/kv/?keys", "GET")).toEqual([400, "This registry does not list keys"]);
  expect(await refused("/kv/a?acquire=nobody")).toEqual([500, 'invalid session "nobody"']);
  expect((await http("GET", "/kv/%ff")).status).toBe(400);
  expect((await http("GET", "/catalog/nodes")).status).toBe(404);
  expect((await http("DELETE", "/session/create")).status).toBe(405);
});

test("odd registrations are refused one by one, and the registry goes on", async () => {
  const register = async (body: unknown): Promise<string> => (await http("PUT", "/agent/service/register", body)).bytes.toString("utf8", 0, 200);
  expect(await register([])).toBe("Request decode failed: expected an object");
  expect(await register({ Name: 7 })).toBe("Request decode failed: Name must be a string");
  expect(await register({ Name: "s", Port: 70_000 })).toBe("Request decode failed: Port must be 0 to 65535");
  expect(await register({ Name: "s", Meta: { zone: 1 } })).toMatch(/Invalid Service Meta/);
  expect(await register({ Name: "s", Meta: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, ""])) })).toMatch(/more than 64 pairs/);
  expect(await register({ Name: "s", Check: { HTTP: "http://x" } })).toMatch(/TTL must be > 0/);
  expect(await register({ Name: "s", Check: { TTL: "2s", Status: "fine" } })).toMatch(/Status for checks/);
  expect((await registry.instances("s")).instances).toEqual([]);
});

test("a server that waits for a key is answered when the registry stops", async () => {
  await registry.put("a", text("x"));
  const { index } = await registry.get("a");
  const waiting = registry.get("a", { index, waitMs: 60_000 });
  await systemClock.sleep(50); // the query is on its way; if it comes after the stop it is answered at once, too
  await embedded.close();
  expect((await waiting).index).toBe(index);
});
