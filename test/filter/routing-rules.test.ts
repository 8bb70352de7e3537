/** Rules of a team's own: what they match, where the key comes from, and what a request without one gets. */
import { describe, expect, test } from "vitest";
import type { Pairs, RequestResult, Vm } from "../host/host.ts";
import { configuration, routedVm, ruleOfEachKind, seal, servers } from "./setup.ts";

const topology = seal(12, {
  channel: servers("cs", 5, 7001),
  presence: servers("ps", 4, 7101),
  gateway: [...servers("gw", 3, 7201, "a"), ...servers("gwb", 3, 7301, "b")],
});
const socket: Pairs = [["connection", "Upgrade"], ["upgrade", "websocket"]];

function routing(rules: readonly unknown[], changes: Record<string, unknown> = {}): Vm {
  return routedVm(topology.binary, configuration({ routes: undefined, rules, ...changes }), "b");
}

function upstream({ headers, local }: RequestResult): string | undefined {
  return local?.details ?? headers.find(([name]) => name === "x-ringway-upstream")?.[1];
}

function list(pool: "channel" | "presence" | "gateway", id: string, copies = 3, zone = ""): string {
  return topology.view.preference(pool, id, copies, zone).map(({ addr }) => addr).join(",");
}

describe("rules", () => {
  const vm = routing(ruleOfEachKind);

  test.each<[string, Pairs, string | undefined]>([
    ["/rooms/R1", [], list("channel", "R1")],
    ["/rooms/R1/", [], list("channel", "R1")],
    ["/rooms/R1/a/b?room=R2", [], list("channel", "R1")],
    ["/rooms/", [], "bad_id"],
    ["/rooms//a", [], "bad_id"],
    ["/rooms/a%20b", [], "bad_id"],
    ["/rooms", [], undefined],
    ["/search?tenant=T1", [], list("presence", "T1", 2)],
    ["/searching/for?q=&tenant=T1&x", [], list("presence", "T1", 2)],
    ["/search", [], "bad_id"],
    ["/search?tenant", [], "bad_id"],
    ["/search?tenant=", [], "bad_id"],
    ["/search?tenants=T1", [], "bad_id"],
    ["/search?xtenant=T1", [], "bad_id"],
    ["/search?tenant=T1&tenant=T2", [], "bad_id"],
    ["/search?tenant=%541", [], "bad_id"],
    ["/search?q=?tenant=T1", [], "bad_id"],
    ["/carts/7", [["x-customer", "K1"]], list("gateway", "K1", 3, "b")],
    ["/carts/7", [["X-CUSTOMER", "K1"]], list("gateway", "K1", 3, "b")],
    ["/carts/7", [], "bad_id"],
    ["/carts/7", [["x-customer", ""]], "bad_id"],
    ["/carts/7", [["x-customer", "K1"], ["x-customer", "K1"]], "bad_id"],
    ["/carts/7", [["x-customer-id", "K1"]], "bad_id"],
    ["/carts/7", [["x-customer", "x".repeat(65)]], "bad_id"],
    ["/play", [...socket, ["cookie", "sid=S1"]], list("gateway", "S1", 1)],
    ["/play", [...socket, ["cookie", "a=b; xsid=S2;sid=S1;  sid=S3"]], list("gateway", "S1", 1)],
    ["/play", [...socket, ["cookie", "a=b"], ["cookie", "sid=S1"]], list("gateway", "S1", 1)],
    ["/play", [["cookie", "sid=S1"]], undefined],
    ["/play", [...socket, ["cookie", "SID=S1"]], undefined],
    ["/play", [...socket, ["cookie", 'sid="S1"']], undefined],
    ["/play", socket, undefined],
    ["/debug/cs-3", [], "127.0.0.1:7004"],
    ["/debug/cs-9", [], "unknown_server"],
    ["/debug/cs-3/x", [], undefined],
    ["/v1/channels/C1", [], undefined],
  ])("%s with %j is routed to %s", (path, headers, expected) => {
    const result = vm.request(path, headers);
    expect(upstream(result)).toBe(expected);
    expect(result.passed).toBe(result.local === undefined);
  });

  test("the first that matches is followed, and before the built-in ones", () => {
    const reads = { match: { template: "/v1/channels/{id}/messages" }, key: { query: "reader" }, pool: "channel", copies: 2 };
    const both = routing([reads, { ...reads, key: { segment: "id" }, copies: 1 }], { routes: ["channel"] });
    expect(upstream(both.request("/v1/channels/C1/messages?reader=U1"))).toBe(list("channel", "U1", 2));
    expect(upstream(both.request("/v1/channels/C1/messages"))).toBe("bad_id");
    expect(upstream(both.request("/v1/channels/C1"))).toBe(list("channel", "C1"));
  });

  test("a rule for sockets and one for the rest can share a path", () => {
    const rule = { match: { prefix: "/live", upgrade: true }, key: { query: "id" }, pool: "gateway" };
    const both = routing([rule, { ...rule, match: { prefix: "/live", upgrade: false }, pool: "channel" }]);
    expect(upstream(both.request("/live?id=A", socket))).toBe(list("gateway", "A"));
    expect(upstream(both.request("/live?id=A"))).toBe(list("channel", "A"));
  });

  test("the built-in rules, written out, do the same to every byte", () => {
    const template = (path: string, pool: string, by = "hash") => ({ match: { template: path }, key: { segment: "id" }, pool, by });
    const written = routing([
      template("/v1/channels/{id}/**", "channel"),
      template("/v1/presence/users/{id}/**", "presence"),
      template("/v1/links/channel/{id}/**", "channel", "server-id"),
      template("/v1/links/presence/{id}/**", "presence", "server-id"),
    ]);
    const named = routedVm(topology.binary, configuration({ routes: ["channel", "presence", "link"] }), "b");
    for (const start of ["/v1/channels", "/v1/presence/users", "/v1/links/channel", "/v1/links/presence"]) {
      for (const end of ["", "/", "//x", "/cs-1", "/ps-1/", "/C1/messages?a=b", "/é", "/C1?x", `/${"y".repeat(65)}`]) {
        expect(written.request(start + end)).toEqual(named.request(start + end));
      }
    }
  });
});
