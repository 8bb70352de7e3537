/** What a host or a plugin may get wrong neither traps nor leaks. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BufferType, ProxyHost, Status, type Pairs, type Vm } from "../host/host.ts";
import { compiled } from "./sdk.ts";

const wasm = compiled("sdk-probe");

function start(): Vm {
  const vm = new ProxyHost(wasm).start({ configuration: "c" });
  vm.logs.length = 0;
  return vm;
}

const said = (vm: Vm): string[] => vm.logs.splice(0).map(({ text }) => text);

/** The probe stops logging, so that only the calls are measured. */
function quiet(vm: Vm): Vm {
  vm.foreign(37);
  return vm;
}

const everyCallback = [
  ["proxy_on_vm_start", 1], ["proxy_on_configure", 1], ["proxy_on_tick", 0], ["proxy_on_queue_ready", 1], ["proxy_on_foreign_function", 2],
  ["proxy_on_done", 0], ["proxy_on_log", 0], ["proxy_on_delete", 0], ["proxy_on_http_call_response", 4], ["proxy_on_grpc_receive_initial_metadata", 2],
  ["proxy_on_grpc_receive", 2], ["proxy_on_grpc_receive_trailing_metadata", 2], ["proxy_on_grpc_close", 2], ["proxy_on_request_headers", 2],
  ["proxy_on_request_body", 2], ["proxy_on_request_trailers", 1], ["proxy_on_response_headers", 2], ["proxy_on_response_body", 2],
  ["proxy_on_response_trailers", 1], ["proxy_on_new_connection", 0], ["proxy_on_downstream_data", 2], ["proxy_on_upstream_data", 2],
  ["proxy_on_downstream_connection_close", 1], ["proxy_on_upstream_connection_close", 1], ["proxy_on_context_create", 1],
] as const;

describe("a callback after delete", () => {
  test.each(everyCallback)("%s is dropped when the plugin is gone", (name, args) => {
    const vm = start();
    const root = [...vm.contexts.keys()][0]!;
    vm.removePlugin(root);
    said(vm);
    const answer = vm.callbackAs(undefined, root, name, ...Array.from({ length: args }, () => 1));
    // `on_done` lets it go; the others refuse to start (0) or let the stream pass (0), or answer nothing.
    expect(answer ?? 0).toBe(name === "proxy_on_done" ? 1 : 0);
    expect(said(vm)).toEqual([]);
  });

  test("of a stream means nothing to the stream: its context is a BadArgument", () => {
    const vm = start();
    const stream = vm.openHttp();
    stream.end();
    said(vm);
    vm.foreign(18, "i".repeat(stream.id));
    expect(said(vm)).toEqual([`${Status.badArgument}:`]);
    vm.callbackAs(undefined, stream.id, "proxy_on_delete");
    vm.callbackAs(undefined, stream.id, "proxy_on_response_headers", 1, 1);
  });

  test("with any id, of any kind, in any order, does not trap", () => {
    const step = fc.tuple(fc.constantFrom(...everyCallback), fc.integer({ min: 0, max: 6 }), fc.array(fc.nat(3), { minLength: 4, maxLength: 4 }));
    // A failing run prints its seed.
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const vm = start();
        for (const [[name, count], id, args] of steps) vm.callbackAs(vm.contexts.get(id), id, name, ...args.slice(0, count));
      }),
      { numRuns: 200 },
    );
  });
});

describe("a call from the wrong context", () => {
  test.each([
    [10, Status.notFound, "a body outside of a stream"],
    [11, Status.badArgument, "a header outside of a stream"],
    [14, Status.badArgument, "adding a header outside of a stream"],
    [13, Status.badArgument, "setting headers outside of a stream"],
    [15, Status.badArgument, "going on with no stream"],
    [16, Status.badArgument, "closing no stream"],
    [17, Status.badArgument, "answering no stream"],
    [19, Status.notFound, "being done when nobody asked"],
    [29, Status.notFound, "taking from a queue that is not there"],
    [20, Status.badArgument, "an HTTP call without :path"],
  ])("%i answers %i: %s", (n, status, _what) => {
    const vm = start();
    vm.foreign(n);
    expect(said(vm).at(-1)).toMatch(new RegExp(`^${status}:0?$`));
  });
});

describe("headers", () => {
  test("absent, empty and there are three different things", () => {
    const vm = start();
    const ask = (headers: Pairs): string => {
      vm.openHttp().requestHeaders(headers);
      return said(vm)[0]!;
    };
    expect(ask([["x-probe", "v"]])).toBe("0:v");
    expect(ask([["x-probe", ""]])).toBe("0:");
    expect(ask([])).toBe(`${Status.notFound}:`);
    // Nothing of the one before is left behind.
    expect(ask([["x-probe", "v"]])).toBe("0:v");
    expect(ask([["x-probe", ""]])).toBe("0:");
  });

  test.each([64 * 1024, 128 * 1024 + 1, 1024 * 1024])("one of %i bytes is read whole, and its memory given back", (size) => {
    const vm = start();
    const headers: Pairs = [["x-probe", "h".repeat(size)]];
    const read = (): void => {
      const stream = vm.openHttp();
      stream.requestHeaders(headers);
      stream.end();
      expect(said(vm)[0]).toHaveLength(size + 2);
    };
    for (let i = 0; i < 5; i++) read();
    const before = vm.memoryBytes;
    for (let i = 0; i < 30; i++) read();
    expect(vm.memoryBytes).toBe(before);
  });

  test("the whole map, read 100,000 times, makes nothing grow", () => {
    const vm = quiet(start());
    const headers: Pairs = [["x-probe", "v"], ["cookie", "c".repeat(3_000)]];
    const stream = vm.openHttp();
    const read = (times: number): void => {
      for (let i = 0; i < times; i++) stream.requestHeaders(headers);
    };
    read(100);
    const before = vm.memoryBytes;
    read(100_000);
    expect(vm.memoryBytes).toBe(before);
  });

  test("100,000 streams of two plugins, some open for long, make nothing grow", () => {
    const vm = quiet(start());
    const { root } = vm.addPlugin("second");
    vm.foreign(37, "", vm.contexts.get(root));
    const open = Array.from({ length: 1_000 }, () => vm.openHttp(root));
    const turn = (times: number): void => {
      for (let i = 0; i < times; i++) {
        open.push(vm.openHttp(root));
        open.shift()!.end();
      }
    };
    turn(2_000);
    const before = vm.memoryBytes;
    turn(100_000);
    expect(vm.memoryBytes).toBe(before);
  });
});

test("a host that hands over no memory at all is a status, not a fault", () => {
  const vm = start();
  const stream = vm.openHttp();
  stream.context.buffers.set(BufferType.requestBody, Buffer.alloc(0));
  vm.foreign(10, "", stream.context);
  expect(said(vm)).toEqual(["0:"]);
});
