/** What charm and the services rely on in a registry. Run on each one that claims to be one. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Registry } from "../../services/registry/client.ts";
import { connectRegistry } from "../../services/registry/consul.ts";
import { keepRegistered } from "../../services/registry/register.ts";
import { systemClock } from "../../services/runtime/clock.ts";
import { createLog } from "../../services/runtime/log.ts";
import { ask, type Answer } from "../../services/runtime/request.ts";

export interface RunningRegistry {
  readonly url: string;
  stop(): Promise<void>;
}

const text = (value: string): Uint8Array => Buffer.from(value);
const log = createLog("registry", "test", "silent");

/** @param start brings an empty registry up */
export function registryContract(name: string, start: () => Promise<RunningRegistry>): void {
  describe(`the registry contract on ${name}`, () => {
    let running: RunningRegistry;
    let registry: Registry;
    let keys = 0;
    const key = (): string => `contract/k${++keys}`;
    const http = (method: "GET" | "PUT" | "DELETE", path: string, body: unknown = undefined): Promise<Answer> =>
      ask(`${running.url}/v1${path}`, { method, ...(body === undefined ? {} : { body }), timeoutMs: 15_000 });

    beforeAll(async () => {
      running = await start();
      registry = connectRegistry(running.url);
    });
    afterAll(() => running.stop());

    describe("keys", () => {
      test("an absent key is no entry, and has an index to wait on", async () => {
        const { entry, index } = await registry.get(key());
        expect(entry).toBeUndefined();
        expect(index).toBeGreaterThan(0);
      });

      test("a value comes back byte for byte, also when it is empty", async () => {
        const k = key();
        const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
        expect(await registry.put(k, bytes)).toBe(true);
        expect((await registry.get(k)).entry?.value).toEqual(Buffer.from(bytes));
        expect(await registry.put(k, new Uint8Array(0))).toBe(true);
        expect((await registry.get(k)).entry?.value.length).toBe(0);
      });

      test("raw gives the bytes alone with X-Consul-Index, as the filter reads them", async () => {
        const k = key();
        await registry.put(k, text("ring"));
        const answer = await http("GET", `/kv/${k}?raw`);
        expect(answer.bytes.toString()).toBe("ring");
        expect(Number(answer.headers["x-consul-index"])).toBe((await registry.get(k)).entry?.modifyIndex);
        expect((await http("GET", `/kv/${k}-absent?raw`)).status).toBe(404);
      });

      test("compare-and-set writes only over the entry that was read, and 0 only where there is none", async () => {
        const k = key();
        expect(await registry.put(k, text("a"), 0)).toBe(true);
        expect(await registry.put(k, text("b"), 0)).toBe(false);
        const { entry } = await registry.get(k);
        expect(await registry.put(k, text("b"), entry!.modifyIndex)).toBe(true);
        expect(await registry.put(k, text("c"), entry!.modifyIndex)).toBe(false);
        expect((await registry.get(k)).entry?.value.toString()).toBe("b");
      });

      test("of many compare-and-sets at once exactly one wins", async () => {
        const k = key();
        const won = await Promise.all(Array.from({ length: 20 }, (_, i) => registry.put(k, text(String(i)), 0)));
        expect(won.filter(Boolean)).toHaveLength(1);
      });

      test("a deleted key is gone", async () => {
        const k = key();
        await registry.put(k, text("x"));
        await registry.delete(k);
        expect((await registry.get(k)).entry).toBeUndefined();
        await registry.delete(k);
      });

      test("recurse gives all entries under a prefix", async () => {
        await registry.put("contract/tree/b", text("2"));
        await registry.put("contract/tree/a", text("1"));
        const { json } = await http("GET", "/kv/contract/tree/?recurse");
        expect((json as { Key: string; Value: string }[]).map(({ Key, Value }) => [Key, Value])).toEqual([["contract/tree/a", "MQ=="], ["contract/tree/b", "Mg=="]]);
        await http("DELETE", "/kv/contract/tree/?recurse");
        expect((await http("GET", "/kv/contract/tree/?recurse")).status).toBe(404);
      });
    });

    describe("blocking queries", () => {
      test("answer as soon as the key changes, with a higher index", async () => {
        const k = key();
        await registry.put(k, text("before"));
        const { index } = await registry.get(k);
        const waiting = registry.get(k, { index, waitMs: 10_000 });
        await registry.put(k, text("after"));
        const answer = await waiting;
        expect(answer.entry?.value.toString()).toBe("after");
        expect(answer.index).toBeGreaterThan(index);
      });

      test("wait for a key that is not there yet", async () => {
        const k = key();
        const { index } = await registry.get(k);
        const until = async (from: number): Promise<string> => {
          const { entry, index: next } = await registry.get(k, { index: from, waitMs: 10_000 });
          return entry === undefined ? until(next) : entry.value.toString();
        };
        const waiting = until(index);
        await registry.put(k, text("born"));
        expect(await waiting).toBe("born");
      });

      test("answer with the same index when the wait is over", async () => {
        const k = key();
        await registry.put(k, text("still"));
        const { index } = await registry.get(k);
        const answer = await registry.get(k, { index, waitMs: 100 });
        expect(answer.index).toBe(index);
        expect(answer.entry?.value.toString()).toBe("still");
      });

      test("are not woken by other keys", async () => {
        const k = key();
        await registry.put(k, text("mine"));
        const { index } = await registry.get(k);
        let woken = false;
        const waiting = registry.get(k, { index, waitMs: 400 }).then((answer) => {
          woken = answer.index !== index;
        });
        for (let i = 0; i < 5; i++) await registry.put(key(), text("other"));
        await waiting;
        expect(woken).toBe(false);
      });

      test("refuse an index or a wait that is none with 400", async () => {
        expect((await http("GET", "/kv/contract/x?index=one")).status).toBe(400);
        expect((await http("GET", "/kv/contract/x?index=1&wait=soon")).status).toBe(400);
      });
    });

    describe("services", () => {
      const registration = (service: string, id: string, ttlMs = 60_000) => ({ service, id, addr: "127.0.0.1:7001", meta: { zone: "local", weight: "100" }, ttlMs });

      test("a registered server passes, with its address and meta, and leaves when it deregisters", async () => {
        await registry.register(registration("contract-a", "a-1"));
        const { instances } = await registry.instances("contract-a");
        expect(instances).toEqual([{ id: "a-1", addr: "127.0.0.1:7001", meta: { zone: "local", weight: "100" }, passing: true }]);
        await registry.deregister("a-1");
        expect((await registry.instances("contract-a")).instances).toEqual([]);
        await registry.deregister("a-1");
      });

      test("a blocking query tells of a server that comes", async () => {
        let { index, instances } = await registry.instances("contract-b");
        const waiting = (async () => {
          while (instances.length === 0) ({ index, instances } = await registry.instances("contract-b", { index, waitMs: 10_000 }));
        })();
        await registry.register(registration("contract-b", "b-1"));
        await waiting;
        expect(instances.map((instance) => instance.id)).toEqual(["b-1"]);
        await registry.deregister("b-1");
      });

      test("a check that is not passed within its TTL turns critical, wakes who waits, and passes again", async () => {
        const began = Date.now();
        await registry.register(registration("contract-c", "c-1", 1_000));
        let { index, instances } = await registry.instances("contract-c");
        while (instances[0]?.passing !== false) ({ index, instances } = await registry.instances("contract-c", { index, waitMs: 10_000 }));
        expect(Date.now() - began).toBeGreaterThanOrEqual(900);
        expect(Date.now() - began).toBeLessThan(4_000);
        expect((await http("GET", "/health/service/contract-c?passing")).json).toEqual([]);
        expect(await registry.pass("c-1")).toBe(true);
        expect((await registry.instances("contract-c")).instances[0]?.passing).toBe(true);
        await registry.deregister("c-1");
      });

      test("registering again does not turn a server critical", async () => {
        await registry.register(registration("contract-d", "d-1"));
        await registry.register({ ...registration("contract-d", "d-1"), addr: "127.0.0.1:7009" });
        expect((await registry.instances("contract-d")).instances).toMatchObject([{ addr: "127.0.0.1:7009", passing: true }]);
        await registry.deregister("d-1");
      });

      test("passing a check that is unknown says so", async () => {
        expect(await registry.pass("nobody")).toBe(false);
      });

      test("keepRegistered registers again when the registry forgot, and deregisters on stop", async () => {
        const kept = keepRegistered({ registry, registration: registration("contract-e", "e-1"), passEveryMs: 50, clock: systemClock, log });
        await kept.registered;
        await registry.deregister("e-1");
        let { index, instances } = await registry.instances("contract-e");
        while (instances.length === 0) ({ index, instances } = await registry.instances("contract-e", { index, waitMs: 5_000 }));
        expect(instances[0]?.id).toBe("e-1");
        await kept.stop();
        expect((await registry.instances("contract-e")).instances).toEqual([]);
      });

      test("a registration without a name, or with what is not JSON, is refused with 400", async () => {
        expect((await http("PUT", "/agent/service/register", { ID: "x" })).status).toBe(400);
        expect((await http("PUT", "/agent/service/register", Buffer.from("{"))).status).toBe(400);
        expect((await http("PUT", "/agent/service/register", { Name: "x", Check: { TTL: "soon" } })).status).toBe(400);
      });
    });

    describe("sessions", () => {
      test("a lock has one holder, until that lets go by destroying its session", async () => {
        const k = key();
        const [one, two] = [await registry.createSession("one", 10_000), await registry.createSession("two", 10_000)];
        expect(await registry.acquire(k, text("one"), one)).toBe(true);
        expect(await registry.acquire(k, text("one"), one)).toBe(true);
        expect(await registry.acquire(k, text("two"), two)).toBe(false);
        expect((await registry.get(k)).entry).toMatchObject({ session: one, value: Buffer.from("one") });
        await registry.destroySession(one);
        expect((await registry.get(k)).entry?.session).toBeUndefined();
        expect(await registry.acquire(k, text("two"), two)).toBe(true);
        await registry.destroySession(two);
      });

      test("a holder's end wakes who waits for the key", async () => {
        const k = key();
        const session = await registry.createSession("holder", 10_000);
        await registry.acquire(k, text("x"), session);
        const { index } = await registry.get(k);
        const waiting = registry.get(k, { index, waitMs: 10_000 });
        await registry.destroySession(session);
        expect((await waiting).entry?.session).toBeUndefined();
      });

      test("a session that is renewed lives, one that is unknown does not", async () => {
        const session = await registry.createSession("renewed", 10_000);
        expect(await registry.renewSession(session)).toBe(true);
        await registry.destroySession(session);
        expect(await registry.renewSession(session)).toBe(false);
        expect(await registry.acquire(key(), text("x"), session)).toBe(false);
      });

      test("a TTL that is too short is refused", async () => {
        const { status, bytes } = await http("PUT", "/session/create", { TTL: "1s" });
        expect(status).toBeGreaterThanOrEqual(400); // Consul says 500
        expect(bytes.toString()).toContain("Invalid Session TTL");
        await expect(registry.createSession("hasty", 1_000)).rejects.toThrow(/Invalid Session TTL/);
      });

      test("a session that is not renewed ends, within twice its TTL, and its lock with it", async () => {
        const k = key();
        const session = await registry.createSession("sleeper", 10_000);
        await registry.acquire(k, text("x"), session);
        const deadline = Date.now() + 25_000;
        let { index, entry } = await registry.get(k);
        while (entry?.session !== undefined && Date.now() < deadline) ({ index, entry } = await registry.get(k, { index, waitMs: 5_000 }));
        expect(entry).toBeDefined();
        expect(entry?.session).toBeUndefined();
      });
    });

    test("a registry that is not there rejects with a RegistryError", async () => {
      const nobody = connectRegistry("http://127.0.0.1:1");
      await expect(nobody.get("x")).rejects.toMatchObject({ name: "RegistryError" });
    });
  });
}
