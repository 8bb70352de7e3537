/** Memory must not grow, however long it runs. What may come at all is the matter of `test/fuzz`. */
import { describe, expect, test } from "vitest";
import { ProxyHost, type Pairs } from "../host/host.ts";
import { configuration, deliver, routedVm, ruleOfEachKind, seal, servers } from "./setup.ts";

const members = [...servers("cs", 20, 7001), ...servers("ps", 3, 7101), ...servers("gw", 4, 7201)];
const pools = { channel: members.slice(0, 20), presence: members.slice(20, 23), gateway: members.slice(23) };

describe("memory", () => {
  test("does not grow over 200,000 requests, routed, refused and passed", () => {
    const vm = routedVm(seal(1, pools).binary);
    const headers: Pairs = [["user-agent", "x".repeat(200)], ["x-ringway-epoch", "1"], ["cookie", "y".repeat(3_000)]];
    const ask = (i: number): void => {
      vm.request(`/v1/channels/C${i}/messages`, headers);
      vm.request(`/ws/U${i}.secret`, headers);
      vm.request(`/v1/channels/${"%".repeat(i % 100)}`);
      vm.request("/api/test", headers);
    };
    for (let i = 0; i < 1_000; i++) ask(i);
    const before = vm.memoryBytes;
    for (let i = 0; i < 49_000; i++) ask(i);
    expect(vm.memoryBytes).toBe(before);
  });

  test("does not grow over 100,000 requests by rules of every kind of key, met and missed", () => {
    const vm = routedVm(seal(1, pools).binary, configuration({ rules: ruleOfEachKind }));
    const ask = (i: number): void => {
      const headers: Pairs = [["cookie", `a=${"y".repeat(3_000)}; sid=S${i}`], ["x-customer", i % 2 === 0 ? `K${i}` : ""], ["upgrade", "websocket"]];
      expect(vm.request(`/rooms/R${i}/messages`, headers).passed).toBe(true);
      expect(vm.request(`/search?q=x&tenant=T${i}`, headers).passed).toBe(true);
      expect(vm.request("/carts/1", headers).passed).toBe(i % 2 === 0);
      expect(vm.request("/play", headers).passed).toBe(true);
      expect(vm.request("/debug/cs-1", headers).passed).toBe(true);
    };
    for (let i = 0; i < 1_000; i++) ask(i);
    const before = vm.memoryBytes;
    for (let i = 0; i < 20_000; i++) ask(i);
    expect(vm.memoryBytes).toBe(before);
  });

  test("a request with more headers than the arena holds is routed, and its memory is given back", () => {
    const vm = routedVm(seal(1, pools).binary);
    const huge: Pairs = [["x-huge", "z".repeat(3_000_000)], ["x-ringway-upstream", "10.0.0.1:1"]];
    const { headers } = vm.request("/v1/channels/C1", huge);
    expect(headers.filter(([name]) => name === "x-ringway-upstream")).toHaveLength(1);
    const before = vm.memoryBytes;
    for (let i = 0; i < 50; i++) vm.request("/v1/channels/C1", huge);
    expect(vm.memoryBytes).toBe(before);
  });

  test("does not grow with new topologies, rejected ones and plugin updates", () => {
    const host = new ProxyHost();
    const vm = host.start({ configuration: configuration() });
    const change = (i: number): void => {
      const { binary, view } = seal(i, { ...pools, channel: pools.channel.slice(i % 20) });
      view.dispose();
      deliver(host, binary, i);
      deliver(host, binary.subarray(1), i);
      vm.request("/v1/channels/C1");
      vm.removePlugin(vm.addPlugin(configuration()).root);
      vm.removePlugin(vm.addPlugin("{}").root);
    };
    for (let i = 1; i <= 40; i++) change(i);
    const before = vm.memoryBytes;
    for (let i = 41; i <= 400; i++) change(i);
    expect(vm.memoryBytes).toBe(before);
  });

  test("an idle tick costs nothing that stays", () => {
    const host = new ProxyHost();
    const vm = host.start({ configuration: configuration() });
    deliver(host, seal(1, pools).binary);
    for (let i = 0; i < 1_000; i++) host.tick();
    const before = vm.memoryBytes;
    for (let i = 0; i < 50_000; i++) {
      if (i % 50 === 0 && vm.calls.length > 0) vm.respond(i % 100 === 0 ? undefined : 404, { "x-consul-index": "7" });
      host.tick();
    }
    expect(vm.memoryBytes).toBe(before);
  });
});
