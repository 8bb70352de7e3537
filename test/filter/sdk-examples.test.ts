/** The SDK's worked examples on the emulated host, and what they export. The same in a real Envoy: `envoy-sdk.test.ts`. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { MapType, ProxyHost, StreamType, type HttpStream, type Pairs, type Vm } from "../host/host.ts";
import { compiled } from "./sdk.ts";

const wasm = { addHeader: compiled("add-header"), callOut: compiled("call-out") };

const base = ["memory", "_initialize", "proxy_abi_version_0_2_1", "proxy_on_configure", "proxy_on_context_create", "proxy_on_delete", "proxy_on_memory_allocate"];
const filter = new URL("../../build/filter.wasm", import.meta.url);

test.each([
  ["add-header", wasm.addHeader, ["proxy_on_response_headers"]],
  ["call-out", wasm.callOut, ["proxy_on_http_call_response", "proxy_on_request_headers"]],
  ["Ringway's filter", filter, ["proxy_on_http_call_response", "proxy_on_request_headers", "proxy_on_tick"]],
])("%s exports the callbacks it uses and no others", (_name, url, used) => {
  const exported = WebAssembly.Module.exports(new WebAssembly.Module(readFileSync(url))).map(({ name }) => name);
  expect(exported.sort()).toEqual([...base, ...used].sort());
});

describe("add-header", () => {
  test("adds its configured value to each response, in place of what stood there", () => {
    const vm = new ProxyHost(wasm.addHeader).start({ configuration: "proxy-7" });
    const stream = vm.openHttp();
    const headers: Pairs = [[":status", "200"], ["x-served-by", "forged"]];
    expect(stream.requestHeaders([])).toBe(true);
    expect(stream.responseHeaders(headers)).toBe(true);
    expect(headers).toEqual([[":status", "200"], ["x-served-by", "proxy-7"]]);
  });

  test("refuses to be configured with nothing", () => {
    expect(new ProxyHost(wasm.addHeader).start({ configuration: "" }).configured).toBe(false);
  });
});

describe("call-out", () => {
  function ask(headers: Pairs = []): { vm: Vm; stream: HttpStream; passed: boolean } {
    const vm = new ProxyHost(wasm.callOut).start({ configuration: "judge", clusters: ["judge"] });
    const stream = vm.openHttp();
    return { vm, stream, passed: stream.requestHeaders([[":path", "/x"], ...headers]) };
  }

  test("asks with the request's path and authorization, and holds the request until the answer", () => {
    const { vm, stream, passed } = ask([["authorization", "Bearer t"]]);
    expect(passed).toBe(false);
    expect(vm.calls).toMatchObject([{ cluster: "judge", timeoutMs: 1000, headers: [[":method", "GET"], [":authority", "judge"], [":path", "/x"], ["authorization", "Bearer t"]] }]);
    vm.respond(200);
    expect([stream.resumed, stream.local]).toEqual([[StreamType.request], undefined]);
  });

  test.each([
    [403, 403, "call_out_refused"],
    [404, 403, "call_out_refused"],
    [504, 503, "call_out_unavailable"],
    [undefined, 503, "call_out_unavailable"],
  ])("the answer %s is a %i", (answer, status, details) => {
    const { vm, stream } = ask();
    vm.respond(answer);
    expect(stream.resumed).toEqual([]);
    expect(stream.local).toMatchObject({ status, details });
  });

  test("a question that cannot be asked is a 503 at once", () => {
    expect(ask([["authorization", "t".repeat(65_536)]]).stream.local).toMatchObject({ status: 503 });
    const unknown = new ProxyHost(wasm.callOut).start({ configuration: "nobody", clusters: [] }).openHttp();
    expect(unknown.requestHeaders([[":path", "/"]])).toBe(false);
    expect(unknown.local).toMatchObject({ status: 503 });
  });

  test("answers come to the requests they were asked for, in any order; one for a client that left is dropped", () => {
    const { vm, stream } = ask();
    const second = vm.openHttp();
    const third = vm.openHttp();
    for (const each of [second, third]) each.requestHeaders([[":path", "/y"]]);
    second.end();
    vm.calls.reverse();
    for (const status of [200, 200, 403]) vm.respond(status);
    expect(third.resumed).toEqual([StreamType.request]);
    expect([second.resumed, second.local]).toEqual([[], undefined]);
    expect(stream.local).toMatchObject({ status: 403 });
    expect(stream.map(MapType.requestHeaders)).toEqual([[":path", "/x"]]);
  });

  test("100,000 questions, half of them left unanswered by clients that went, make nothing grow", () => {
    const { vm } = ask();
    const turn = (i: number): void => {
      const stream = vm.openHttp();
      stream.requestHeaders([[":path", "/z"]]);
      if (i % 2 === 0) stream.end();
      vm.respond(200);
      if (i % 2 === 1) stream.end();
    };
    for (let i = 0; i < 1_000; i++) turn(i);
    const before = vm.memoryBytes;
    for (let i = 0; i < 100_000; i++) turn(i);
    expect(vm.memoryBytes).toBe(before);
  });
});
