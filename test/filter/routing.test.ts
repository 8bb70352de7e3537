import { describe, expect, test } from "vitest";
import { ProxyHost, type Pairs, type RequestResult } from "../host/host.ts";
import { configuration, routedVm, seal, servers } from "./setup.ts";

const topology = seal(12, {
  channel: servers("cs", 5, 7001),
  presence: servers("ps", 2, 7101),
  gateway: [...servers("gw", 2, 7201, "a"), ...servers("gwb", 2, 7301, "b")],
});

function header(result: RequestResult, name: string): string | undefined {
  const found = result.headers.filter(([at]) => at === name);
  expect(found.length).toBeLessThan(2);
  return found[0]?.[1];
}

function addresses(pool: "channel" | "presence" | "gateway", id: string, zone = ""): string {
  return topology.view.preference(pool, id, 3, zone).map(({ addr }) => addr).join(",");
}

function expectProblem(result: RequestResult, status: number, reason: string): void {
  expect(result.passed).toBe(false);
  expect(result.local?.status).toBe(status);
  const headers = new Map(result.local?.headers);
  expect(headers.get("content-type")).toBe("application/problem+json");
  expect(headers.get("x-ringway-reason")).toBe(reason);
  expect(headers.get("retry-after")).toBe(status === 503 ? "1" : undefined);
  expect(JSON.parse(result.local?.body ?? "")).toMatchObject({ type: "about:blank", status, reason, title: expect.any(String) });
}

describe("routing", () => {
  const vm = routedVm(topology.binary);

  test.each([
    ["/v1/channels/C024BE91L", "channel", "C024BE91L"],
    ["/v1/channels/C024BE91L/messages", "channel", "C024BE91L"],
    ["/v1/channels/C1?latest=/v1/channels/C2", "channel", "C1"],
    ["/v1/channels/a-b_C/", "channel", "a-b_C"],
    [`/v1/channels/${"x".repeat(64)}/events?after=1`, "channel", "x".repeat(64)],
    ["/v1/presence/users/U1", "presence", "U1"],
    ["/v1/presence/users/U1?x=1", "presence", "U1"],
    ["/ws/U1.secret", "gateway", "U1"],
    ["/ws/W-9_z.a.b~c?batch_presence_aware=1", "gateway", "W-9_z"],
  ] as const)("%s goes to the %s pool by %s", (path, pool, id) => {
    const result = vm.request(path);
    expect(result.passed).toBe(true);
    expect(header(result, "x-ringway-upstream")).toBe(addresses(pool, id));
    expect(header(result, "x-ringway-epoch")).toBe("12");
    expect(header(result, "x-ringway-slot")).toMatch(/^\d+$/);
  });

  test("the golden channel lands on its golden slot", () => {
    expect(header(vm.request("/v1/channels/C024BE91L"), "x-ringway-slot")).toBe("46434");
  });

  test("a link goes to the server it names and to no other", () => {
    expect(header(vm.request("/v1/links/channel/cs-3"), "x-ringway-upstream")).toBe("127.0.0.1:7004");
    expect(header(vm.request("/v1/links/presence/ps-1?gateway=gw-0"), "x-ringway-upstream")).toBe("127.0.0.1:7102");
    expectProblem(vm.request("/v1/links/channel/ps-1"), 503, "unknown_server");
    expectProblem(vm.request("/v1/links/presence/cs"), 503, "unknown_server");
  });

  test("a draining server keeps its links and gets no channels", () => {
    const list = servers("cs", 2, 7001).map((server, i) => ({ ...server, state: i === 0 ? ("draining" as const) : ("up" as const) }));
    const draining = routedVm(seal(1, { channel: list }).binary);
    expect(header(draining.request("/v1/links/channel/cs-0"), "x-ringway-upstream")).toBe("127.0.0.1:7001");
    for (let i = 0; i < 50; i++) expect(header(draining.request(`/v1/channels/C${i}`), "x-ringway-upstream")).toBe("127.0.0.1:7002");
  });

  test.each([
    "/v1/channels/", "/v1/channels//messages", "/v1/channels/?x=1", "/v1/channels/a%2Fb", "/v1/channels/a.b", "/v1/channels/é",
    "/v1/channels/a b", "/v1/channels/a\0b", "/v1/channels/a;b", "/v1/channels/a#b", `/v1/channels/${"x".repeat(65)}`,
    "/v1/presence/users/", "/v1/presence/users/%55", "/v1/links/channel/", "/v1/links/presence/..",
  ])("%j has no ID in it: 400 bad_id", (path) => {
    expectProblem(vm.request(path), 400, "bad_id");
  });

  test.each([
    "/ws/", "/ws/U1", "/ws/U1.", "/ws/.secret", "/ws/U%31.secret", "/ws/U1.sec/ret", "/ws/U1.s%20", "/ws/U 1.x",
    `/ws/${"U".repeat(65)}.x`, `/ws/U1.${"x".repeat(254)}`, "/ws/?U1.secret",
  ])("%j is no ticket: 400 bad_ticket", (path) => {
    expectProblem(vm.request(path), 400, "bad_ticket");
  });

  test.each(["/", "/api/chat.postMessage?x=/ws/U1.x", "/v1/channels", "/V1/channels/C1", "/v1/sessions", "//v1/channels/C1", "/ws", "*", ""])(
    "%j is none of the filter's business",
    (path) => {
      const result = vm.request(path, [["x-ringway-upstream", "10.0.0.1:1"], ["x-other", "kept"]]);
      expect(result.passed).toBe(true);
      expect(result.headers.map(([name]) => name)).toEqual([":authority", ":path", ":method", "x-other"]);
    },
  );

  test("the headers that steer a request are the filter's alone, whatever their case and however often a client sends them", () => {
    const forged: Pairs = [
      ["x-ringway-upstream", "10.0.0.1:1"],
      ["X-Ringway-Upstream", "10.0.0.2:1"],
      ["x-ringway-upstream", "10.0.0.3:1"],
      ["X-RINGWAY-EPOCH", "99"],
      ["x-ringway-slot", ""],
      ["x-ringway-slots", "kept"],
      ["x-ringwa", "kept"],
      ["y-x-ringway-epoch", "kept"],
    ];
    const link = vm.request("/v1/links/channel/cs-3", forged);
    expect(link.headers.slice(6)).toEqual([["x-ringway-upstream", "127.0.0.1:7004"], ["x-ringway-epoch", "12"]]);
    for (const refused of [vm.request("/v1/channels/%", forged), vm.request("/ws/x", forged), vm.request("/v1/links/channel/gone", forged)]) {
      expect(refused.passed).toBe(false);
      expect(refused.headers.slice(3).map(([, value]) => value)).toEqual(["kept", "kept", "kept"]); // for the access log
    }
    const result = vm.request("/v1/channels/C1/messages", forged);
    expect(result.headers.slice(3)).toEqual([
      ["x-ringway-slots", "kept"],
      ["x-ringwa", "kept"],
      ["y-x-ringway-epoch", "kept"],
      ["x-ringway-upstream", addresses("channel", "C1")],
      ["x-ringway-epoch", "12"],
      ["x-ringway-slot", expect.any(String)],
    ]);
  });

  test("an empty pool is 503 no_server", () => {
    const empty = routedVm(seal(1, { channel: servers("cs", 1, 7001) }).binary);
    expectProblem(empty.request("/v1/presence/users/U1"), 503, "no_server");
    expectProblem(empty.request("/ws/U1.x"), 503, "no_server");
  });

  test("without a ring it is 503 ring_unavailable, but a bad ID is still a bad ID", () => {
    const vmWithout = new ProxyHost().start({ configuration: configuration() });
    expectProblem(vmWithout.request("/v1/channels/C1"), 503, "ring_unavailable");
    expectProblem(vmWithout.request("/v1/links/channel/cs-0"), 503, "ring_unavailable");
    expectProblem(vmWithout.request("/v1/channels/%"), 400, "bad_id");
    expect(vmWithout.request("/api/test").passed).toBe(true);
  });

  test("gateways of the filter's zone go first, whether configured or Envoy's own", () => {
    for (const zoned of [routedVm(topology.binary, configuration({ zone: "b" }), "a"), routedVm(topology.binary, configuration(), "b")]) {
      for (let i = 0; i < 50; i++) {
        const list = header(zoned.request(`/ws/U${i}.x`), "x-ringway-upstream");
        expect(list).toBe(addresses("gateway", `U${i}`, "b"));
        expect(list?.split(",").slice(0, 2).every((addr) => addr.includes(":73"))).toBe(true);
      }
      expect(header(zoned.request("/v1/channels/C1"), "x-ringway-upstream")).toBe(addresses("channel", "C1"));
    }
  });

  test("a listener routes only what it is told to", () => {
    const edge = routedVm(topology.binary, configuration({ routes: ["gateway"] }));
    const result = edge.request("/v1/channels/C1", [["x-ringway-epoch", "1"]]);
    expect(result.passed).toBe(true);
    expect(result.headers.some(([name]) => name.startsWith("x-ringway"))).toBe(false);
    expect(header(edge.request("/ws/U1.x"), "x-ringway-upstream")).toBe(addresses("gateway", "U1"));
  });

  test("it counts what it does, and tells the host at the next tick", () => {
    const host = new ProxyHost();
    const counted = host.start({ configuration: configuration() });
    counted.request("/v1/channels/C1");
    counted.request("/v1/channels/%");
    counted.request("/ws/x");
    host.tick();
    expect(host.metric("ringway_no_ring")).toBe(1);
    expect(host.metric("ringway_bad_id")).toBe(1);
    expect(host.metric("ringway_bad_ticket")).toBe(1);
  });

  test("what a plugin counted before it went is told by the one in its place", () => {
    const host = new ProxyHost();
    const updated = host.start({ configuration: configuration() });
    updated.request("/v1/channels/%");
    updated.addPlugin(configuration());
    updated.request("/v1/channels/%");
    updated.removePlugin(1);
    expect(host.metric("ringway_bad_id")).toBe(0);
    host.tick();
    host.tick();
    expect(host.metric("ringway_bad_id")).toBe(2);
  });

  test("two plugins in one VM keep their own configuration, and one that goes leaves the other", () => {
    const shared = routedVm(topology.binary, configuration({ routes: ["gateway"] }));
    const mesh = shared.addPlugin(configuration({ routes: ["channel"] }));
    expect(mesh.configured).toBe(true);
    expect(header(shared.request("/v1/channels/C1", [], mesh.root), "x-ringway-upstream")).toBe(addresses("channel", "C1"));
    expect(header(shared.request("/v1/channels/C1", [], 1), "x-ringway-upstream")).toBeUndefined();
    expect(header(shared.request("/ws/U1.x", [], 1), "x-ringway-upstream")).toBe(addresses("gateway", "U1"));
    shared.removePlugin(1);
    expect(header(shared.request("/v1/channels/C1", [], mesh.root), "x-ringway-upstream")).toBe(addresses("channel", "C1"));
  });
});
