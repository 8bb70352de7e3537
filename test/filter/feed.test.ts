import { describe, expect, test } from "vitest";
import { ProxyHost, type Vm } from "../host/host.ts";
import { configuration, deliver, pollingVm, seal, servers } from "./setup.ts";

const one = seal(1, { channel: servers("one", 1, 7001) });
const two = seal(2, { channel: servers("two", 1, 7002) });
const three = seal(3, { channel: servers("three", 1, 7003) });

function started(count: number): ProxyHost {
  const host = new ProxyHost();
  for (let i = 0; i < count; i++) host.start({ configuration: configuration() });
  return host;
}

/** The port that the VM would send a request to, or the reason why it would not. */
function owner(vm: Vm): string | undefined {
  const { headers, local } = vm.request("/v1/channels/C1");
  return local?.details ?? headers.find(([name]) => name === "x-ringway-upstream")?.[1]?.split(":")[1];
}

function owners(host: ProxyHost): (string | undefined)[] {
  return host.vms.map(owner);
}

function pollPath(vm: Vm): string | undefined {
  return vm.calls[0]?.headers.find(([name]) => name === ":path")?.[1];
}

function polling(host: ProxyHost): Vm[] {
  return host.vms.filter(({ calls }) => calls.length > 0);
}

describe("the feed", () => {
  test("one VM polls for all, and all have the ring a tick after it came", () => {
    const host = started(3);
    const holder = pollingVm(host);
    for (let i = 0; i < 200; i++) host.tick();
    expect(polling(host)).toEqual([holder]);
    expect(holder.calls).toHaveLength(1);
    expect(holder.calls[0]).toMatchObject({ cluster: "charm", timeoutMs: 12_625 });
    expect(holder.calls[0]?.headers).toEqual([
      [":method", "GET"],
      [":path", "/v1/kv/ringway/topology.bin?raw&index=0&wait=10000ms"],
      [":authority", "charm"],
    ]);
    expect(owners(host)).toEqual(["ring_unavailable", "ring_unavailable", "ring_unavailable"]);
    deliver(host, one.binary, 41);
    expect(owners(host)).toEqual(["7001", "7001", "7001"]);
    expect(host.metric("ringway_epoch")).toBe(1);
    expect(host.metric("ringway_feed_elections")).toBe(1);
    expect(polling(host)).toEqual([holder]);
    expect(pollPath(holder)).toContain("index=41");
    deliver(host, two.binary, 42);
    expect(owners(host)).toEqual(["7002", "7002", "7002"]);
  });

  test.each([
    ["charm", "charm"],
    ["outbound|8500||consul.default.svc.cluster.local", "consul.default.svc.cluster.local"],
    ["httproute/ringway/charm_1/rule/charm-0", "charm-0"],
    ["outbound|8500||", "topology"],
    ["/", "topology"],
  ])("the cluster %s is polled by its whole name, as the host %s", (cluster, host) => {
    const proxy = new ProxyHost();
    proxy.start({ configuration: configuration({ topology: { cluster } }), clusters: [cluster] });
    expect(pollingVm(proxy).calls).toMatchObject([{ cluster, headers: [[":method", "GET"], [":path", expect.any(String)], [":authority", host]] }]);
  });

  test("a VM that starts later has the ring at once", () => {
    const host = started(1);
    deliver(host, one.binary);
    expect(owner(host.start({ configuration: configuration() }))).toBe("7001");
  });

  test("when the polling VM dies another takes over within two seconds", () => {
    const host = started(3);
    const holder = pollingVm(host);
    deliver(host, one.binary, 5);
    const alive = host.vms.filter((vm) => vm !== holder);
    let waitedMs = 0;
    while (!alive.some(({ calls }) => calls.length > 0)) {
      host.tick(20, alive);
      waitedMs += 20;
      expect(waitedMs).toBeLessThan(2_000);
    }
    const heir = alive.find(({ calls }) => calls.length > 0);
    expect(pollPath(heir!)).toContain("index=0");
    heir!.respond(200, { "x-consul-index": "6" }, two.binary);
    host.tick(20, alive);
    expect(alive.map(owner)).toEqual(["7002", "7002"]);
    expect(host.metric("ringway_feed_elections")).toBe(2);
    // The old holder wakes up: it finds the lease gone, keeps silent, and gets the ring like the others.
    for (let i = 0; i < 100; i++) host.tick();
    expect(owner(holder)).toBe("7002");
    holder.respond(200, { "x-consul-index": "7" }, one.binary);
    for (let i = 0; i < 100; i++) host.tick();
    expect(owners(host)).toEqual(["7002", "7002", "7002"]);
    expect(polling(host)).toEqual([heir]);
  });

  test("a VM that gets the lease back starts from index 0", () => {
    const host = started(2);
    const holder = pollingVm(host);
    deliver(host, one.binary, 5);
    const others = host.vms.filter((vm) => vm !== holder);
    for (let i = 0; i < 100; i++) host.tick(20, others);
    expect(others[0]?.calls).toHaveLength(1);
    for (let i = 0; i < 200; i++) host.tick(20, [holder]);
    holder.respond();
    for (let i = 0; i < 200; i++) host.tick(20, [holder]);
    expect(pollPath(holder)).toContain("index=0");
  });

  test("a lease that somebody else wrote over at once is not held", () => {
    const host = started(1);
    const lease = (): string | undefined => host.store.keys().find((key) => key.endsWith("#lease"));
    let stolen = 0;
    host.store.afterSet = (key) => {
      if (key !== lease() || host.store.get(key)?.value.every((byte) => byte === 0)) return;
      host.store.afterSet = undefined;
      const record = Buffer.alloc(16, 7);
      record.writeBigUInt64LE(BigInt(host.nowMs + 1_500), 8);
      host.store.set(key, record, 0);
      stolen = host.nowMs;
    };
    while (stolen === 0) host.tick();
    for (let i = 0; i < 70; i++) host.tick();
    expect(polling(host)).toEqual([]);
    expect(pollingVm(host)).toBe(host.vms[0]);
  });

  test("a holder that wakes up late with an old document does not overwrite a newer one", () => {
    const host = started(2);
    const holder = pollingVm(host);
    deliver(host, one.binary, 5);
    const others = host.vms.filter((vm) => vm !== holder);
    for (let i = 0; i < 100; i++) host.tick(20, others);
    others[0]!.respond(200, { "x-consul-index": "7" }, three.binary);
    holder.respond(200, { "x-consul-index": "6" }, two.binary);
    expect(owner(holder)).toBe("7002");
    expect(owner(host.start({ configuration: configuration() }))).toBe("7003");
    host.tick();
    expect(owners(host)).toEqual(["7003", "7003", "7003"]);
    expect(host.metric("ringway_topology_rejected")).toBe(0);
  });

  test("a lease from before the clock was set back does not last", () => {
    const host = started(2);
    const holder = pollingVm(host);
    host.nowMs -= 3_600_000;
    const others = host.vms.filter((vm) => vm !== holder);
    for (let i = 0; i < 10; i++) host.tick(20, others);
    expect(others[0]?.calls).toHaveLength(1);
  });

  test.each([
    ["cut short", (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 9)],
    ["one bit off", (bytes: Uint8Array) => bytes.map((byte, i) => (i === 30 ? byte ^ 4 : byte))],
    ["empty", () => new Uint8Array()],
    ["sealed under another key", (bytes: Uint8Array) => bytes.map((byte, i) => (i >= bytes.length - 8 ? byte ^ 1 : byte))],
    ["too long", () => new Uint8Array(256 * 1024 + 1)],
    ["older", () => one.binary],
    ["of the same epoch, and different", () => seal(2, { channel: servers("other", 1, 7004) }).binary],
  ])("a document that is %s is refused and the last good one stays", (_what, damage) => {
    const host = started(2);
    deliver(host, two.binary, 5);
    deliver(host, damage(three.binary), 6);
    host.tick();
    expect(owners(host)).toEqual(["7002", "7002"]);
    expect(host.metric("ringway_topology_rejected")).toBe(1);
    expect(host.metric("ringway_epoch")).toBe(2);
    expect(pollPath(pollingVm(host))).toContain("index=6");
    deliver(host, three.binary, 7);
    expect(owners(host)).toEqual(["7003", "7003"]);
  });

  test("the same document again is neither a change nor a fault", () => {
    const host = started(2);
    for (let i = 0; i < 5; i++) deliver(host, two.binary, 5);
    expect(host.metric("ringway_topology_rejected")).toBe(0);
    expect(host.metric("ringway_topology_adopted")).toBe(2);
  });

  test("a damaged document in the shared data is counted once, not on every tick", () => {
    const host = started(1);
    const other = new ProxyHost().start({ configuration: configuration({ hashKey: "ff".repeat(16) }) });
    expect(other.configured).toBe(true);
    deliver(host, one.binary);
    const wrongKey = host.start({ configuration: configuration({ hashKey: "ff".repeat(16) }) });
    for (let i = 0; i < 50; i++) host.tick();
    expect(host.metric("ringway_topology_rejected")).toBe(1);
    expect(owner(wrongKey)).toBe("ring_unavailable");
    expect(owner(host.vms[0]!)).toBe("7001");
  });

  test("no topology yet (404) waits at that index", () => {
    const host = started(1);
    const holder = pollingVm(host);
    holder.respond(404, { "x-consul-index": "3" });
    host.tick();
    expect(pollPath(holder)).toContain("index=3");
    expect(owner(holder)).toBe("ring_unavailable");
    expect(host.metric("ringway_feed_failures")).toBe(0);
  });

  test("an index that goes backwards starts over from 0", () => {
    const host = started(1);
    deliver(host, one.binary, 100);
    const holder = pollingVm(host);
    expect(pollPath(holder)).toContain("index=100");
    holder.respond(200, { "x-consul-index": "4" }, two.binary);
    expect(pollPath(pollingVm(host))).toContain("index=0");
    expect(owner(holder)).toBe("7002");
  });

  test.each([
    ["no answer", undefined, {}],
    ["500", 500, { "x-consul-index": "9" }],
    ["503 of Envoy itself", 503, {}],
    ["an index that is no number", 200, { "x-consul-index": "nine" }],
    ["an index of 0", 200, { "x-consul-index": "0" }],
    ["no index", 200, {}],
  ] as const)("%s: it goes on, at most ten polls a second, with the last good ring", (_what, status, headers) => {
    const host = started(1);
    deliver(host, one.binary, 5);
    let polls = 0;
    for (let ms = 0; ms < 10_000; ms += 20) {
      const [vm] = polling(host);
      if (vm !== undefined) {
        vm.respond(status, headers, status === 200 ? one.binary : undefined);
        polls++;
      }
      host.tick();
    }
    expect(polls).toBeGreaterThan(15);
    expect(polls).toBeLessThanOrEqual(101);
    expect(owners(host)).toEqual(["7001"]);
  });

  test("a poll that is never answered is given up", () => {
    const host = started(1);
    const holder = pollingVm(host);
    for (let ms = 0; ms < 20_000; ms += 20) host.tick();
    expect(holder.calls.length).toBe(2);
    expect(host.metric("ringway_feed_failures")).toBe(1);
    // Its answer comes after all: too late to be heard, and the poll that runs by now goes on alone.
    holder.respond(200, { "x-consul-index": "9" }, one.binary);
    for (let i = 0; i < 10; i++) host.tick();
    expect(holder.calls).toHaveLength(1);
    expect(owner(holder)).toBe("ring_unavailable");
  });

  test("an unknown cluster is a failure like any other", () => {
    const host = new ProxyHost();
    host.start({ configuration: configuration({ topology: { cluster: "nowhere" } }) });
    for (let i = 0; i < 500; i++) host.tick();
    expect(host.metric("ringway_feed_failures")).toBeGreaterThan(15);
    expect(host.metric("ringway_feed_failures")).toBeLessThan(30);
  });

  test("the feed's age shows that it is lost", () => {
    const host = started(1);
    deliver(host, one.binary);
    for (let i = 0; i < 1_500; i++) {
      polling(host)[0]?.respond();
      host.tick();
    }
    expect(host.metric("ringway_feed_age_ms")).toBeGreaterThan(29_000);
    deliver(host, two.binary);
    for (let i = 0; i < 50; i++) host.tick();
    expect(host.metric("ringway_feed_age_ms")).toBeLessThan(2_000);
  });
});
