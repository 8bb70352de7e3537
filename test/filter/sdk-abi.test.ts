/** Every surface of the SDK, by a plugin that uses them all, on the emulated host. */
import { describe, expect, test } from "vitest";
import { BufferType, MapType, ProxyHost, Status, StreamType, type Vm, type VmOptions } from "../host/host.ts";
import { compiled } from "./sdk.ts";

const wasm = compiled("sdk-probe");

function start(options: Partial<VmOptions> = {}): { host: ProxyHost; vm: Vm } {
  const host = new ProxyHost(wasm);
  const vm = host.start({ configuration: "four", ...options });
  vm.logs.length = 0;
  return { host, vm };
}

/** What the plugin said since the last look. */
function said(vm: Vm): string[] {
  return vm.logs.splice(0).map(({ text }) => text);
}

/** One kind of host call, and what it gave. */
function call(vm: Vm, n: number, args: Uint8Array | string = ""): string {
  vm.foreign(n, args);
  return said(vm).join(" ");
}

/** An id as the probe reads it: by the number of bytes. */
const id = (n: number): string => "i".repeat(n);

describe("callbacks", () => {
  test("the VM starts before the plugin is configured, each with the size of its own configuration", () => {
    const vm = new ProxyHost(wasm).start({ configuration: "four", vmConfiguration: "seventy" });
    expect(said(vm)).toEqual(["vm_start 7 0", "configure 4 0"]);
  });

  test("an HTTP stream's come in its order, to its end", () => {
    const { vm } = start();
    const stream = vm.openHttp();
    stream.requestHeaders([["x-probe", "v"]], false);
    stream.requestBody("bb");
    stream.requestTrailers([["t", "1"]]);
    stream.responseHeaders([[":status", "200"], ["b", ""]], false);
    stream.responseBody("ccc");
    stream.responseTrailers([]);
    stream.end();
    expect(said(vm)).toEqual([
      "0:v", "request_headers 1 0", "request_body 2 1", "request_trailers 1 0",
      "response_headers 2 0", "response_body 3 1", "response_trailers 0 0", "stream_done 0 0", "log 0 0", "delete 0 0",
    ]);
    expect(stream.context.buffers.get(BufferType.requestBody)?.toString()).toBe("abb");
  });

  test("a TCP connection's bring its bytes, and it can be closed", () => {
    const { vm } = start();
    const stream = vm.openTcp();
    expect(stream.connect()).toBe(true);
    stream.downstream("ping");
    stream.upstream("pong!", true);
    stream.closeDownstream();
    stream.closeUpstream(1);
    expect(said(vm)).toEqual(["new_connection 0 0", "0:ping", "downstream_data 4 0", "upstream_data 5 1", "downstream_close 2 0", "upstream_close 1 0"]);
    expect(stream.closed).toEqual([StreamType.upstream]);
  });

  test("a context that is not done yet is kept until the plugin says so", () => {
    const { vm } = start();
    const stream = vm.openHttp();
    call(vm, 36);
    stream.end();
    expect(said(vm)).toEqual(["stream_done 0 0"]);
    expect(vm.contexts.has(stream.id)).toBe(true);
    vm.foreign(19, "", stream.context);
    expect(said(vm)).toEqual(["0:"]);
    expect(call(vm, 19)).toBe("1:");
    stream.end();
    expect(vm.contexts.has(stream.id)).toBe(false);
  });

  test("with several plugins in a VM, a stream's go to the plugin it began with, however late", () => {
    const { vm } = start();
    const early = vm.openHttp();
    const { root } = vm.addPlugin("second");
    const late = Array.from({ length: 3_000 }, () => vm.openHttp(root));
    vm.foreign(37, "", vm.contexts.get(root)); // the second one says no more
    said(vm);
    for (const stream of late) stream.responseHeaders([]);
    expect(said(vm)).toEqual([]);
    early.responseHeaders([]);
    expect(said(vm)).toEqual(["response_headers 0 1"]);
  });
});

/** The specification's functions of the host, but for those that it says are never called (`args_*`, `proc_exit`). */
const specified = `
  proxy_done proxy_set_effective_context proxy_log proxy_get_log_level proxy_get_current_time_nanoseconds proxy_set_tick_period_milliseconds
  fd_write clock_time_get random_get environ_sizes_get environ_get proxy_set_buffer_bytes proxy_get_buffer_bytes proxy_get_buffer_status
  proxy_get_header_map_size proxy_get_header_map_pairs proxy_set_header_map_pairs proxy_get_header_map_value proxy_add_header_map_value
  proxy_replace_header_map_value proxy_remove_header_map_value proxy_continue_stream proxy_close_stream proxy_get_status
  proxy_send_local_response proxy_http_call proxy_grpc_call proxy_grpc_stream proxy_grpc_send proxy_grpc_cancel proxy_grpc_close
  proxy_set_shared_data proxy_get_shared_data proxy_register_shared_queue proxy_resolve_shared_queue proxy_enqueue_shared_queue
  proxy_dequeue_shared_queue proxy_define_metric proxy_record_metric proxy_increment_metric proxy_get_metric proxy_get_property
  proxy_set_property proxy_call_foreign_function`.trim().split(/\s+/);

describe("host calls", () => {
  test("are all of the specification's, and no other", () => {
    const imported = WebAssembly.Module.imports(new ProxyHost(wasm).module).map(({ name }) => name);
    expect(imported.sort()).toEqual(specified.sort());
  });

  test("timers, randomness, and replacing headers", () => {
    const { host, vm } = start();
    expect(call(vm, 40)).toBe(`0:${host.nowMs}`);
    expect(vm.tickPeriodMs).toBe(40);
    host.tick();
    expect(said(vm)).toEqual(["tick 1 0"]);
    expect(call(vm, 42, "12345678")).toBe("0:0");
    const stream = vm.openHttp();
    const headers: [string, string][] = [["a", "1"], ["x-probe", "1"], ["A", "2"], ["x-probe", "2"]];
    stream.requestHeaders(headers);
    said(vm);
    vm.foreign(41, "new", stream.context);
    expect([said(vm), headers]).toEqual([["0:"], [["x-probe", "new"]]]);
  });

  test("logging, clocks, environment", () => {
    const { host, vm } = start({ logLevel: 3, environment: { HOME: "x", B: "" } });
    expect(call(vm, 1)).toBe("0:3");
    vm.foreign(2, "by WASI");
    expect(vm.logs.splice(0)).toEqual([{ level: 4, text: "by WASI" }, { level: 2, text: "0:0" }]);
    expect(call(vm, 3)).toBe("8:0");
    expect(call(vm, 4)).toBe(`0:${BigInt(host.nowMs) * 1_000_000n}`);
    expect(call(vm, 5)).toBe("0:0");
    expect(call(vm, 6)).toBe("0:HOME=x\0B=\0");
    expect(call(start().vm, 6)).toBe("0:");
  });

  test("properties and foreign functions", () => {
    const { vm } = start({ properties: { "node.id": "n1" }, foreign: { twice: (args) => Buffer.concat([args, args]) } });
    expect(call(vm, 7, "node\0id")).toBe("0:n1");
    expect(call(vm, 7, "node\0nothing")).toBe("1:");
    expect(call(vm, 8, "mine")).toBe("0:");
    expect(call(vm, 7, "x-probe")).toBe("0:mine");
    expect(call(vm, 33, "twice")).toBe("0:aa");
    expect(call(vm, 33, "thrice")).toBe("1:");
  });

  test("buffers and header maps in a stream's own context", () => {
    const { vm } = start();
    const stream = vm.openHttp();
    stream.requestHeaders([["x-probe", ""]], false);
    said(vm);
    const in_ = (n: number, args = ""): string => {
      vm.foreign(n, args, stream.context);
      return said(vm).join(" ");
    };
    expect(call(vm, 9, "12345")).toBe("0:5");
    expect(in_(12)).toBe("0:21");
    expect(in_(14, "more")).toBe("0:");
    expect(stream.map(MapType.requestHeaders)).toEqual([["x-probe", ""], ["x-probe", "more"]]);
    expect(in_(13)).toBe("0:");
    expect(stream.map(MapType.requestHeaders)).toEqual([["x-probe", "a"]]);
    expect(in_(15) + in_(16) + in_(17)).toBe("0:0:0:");
    expect([stream.resumed, stream.closed]).toEqual([[StreamType.request], [StreamType.request]]);
    expect(stream.local).toEqual({ status: 204, details: "x-probe", body: "a", headers: [], grpcStatus: 5 });
  });

  test("shared data and queues between workers: one store, each item to one of them", () => {
    const { host, vm } = start();
    const other = host.start({ configuration: "w2" });
    said(other);
    expect(call(vm, 34)).toBe("1:");
    expect(call(vm, 35, "first")).toBe("0:0");
    expect(call(other, 34)).toBe("0:first");
    expect(call(vm, 34)).toBe("0:first");
    expect(call(vm, 35, "second")).toBe("0:0");
    // The other one's version is old by now.
    expect(call(other, 35, "third")).toBe(`${Status.casMismatch}:0`);

    expect(call(vm, 27, "q")).toBe("0:0");
    expect(call(vm, 26, "q") + call(other, 26, "q")).toBe("0:10:1");
    expect(call(other, 27, "q")).toBe("0:1");
    expect(call(vm, 28, "one") + call(vm, 28, "two") + call(vm, 30, "lost")).toBe("0:0:1:");
    host.queues.deliver();
    expect([said(vm), said(other)]).toEqual([["queue_ready 1 0"], ["queue_ready 1 0"]]);
    expect([call(other, 29), call(vm, 29), call(vm, 29)]).toEqual(["0:one", "0:two", `${Status.empty}:`]);
  });

  test("metrics are read without being changed", () => {
    const { host, vm } = start();
    expect(call(vm, 31, "gauge")).toBe("0:5");
    expect(host.metric("gauge")).toBe(5);
    expect(call(vm, 32)).toBe("1:0");
  });

  test("gRPC calls and streams, from the first metadata to the status", () => {
    const { vm } = start();
    expect(call(vm, 21, "charm")).toBe("0:1");
    const [asked] = vm.grpcCalls;
    expect(asked).toMatchObject({ upstream: "charm", service: "x-probe", method: "Ask", metadata: [["x-probe", "a"]], stream: false });
    vm.grpcReceive(asked!, { initial: [["k", "v"]] });
    vm.grpcReceive(asked!, { message: Buffer.from("hello") });
    vm.grpcReceive(asked!, { trailing: [] });
    vm.grpcClose(asked!, 14, "gone");
    expect(said(vm)).toEqual(["grpc_initial 1 1", "grpc_receive 1 5", "0:hello", "grpc_trailing 1 0", "grpc_close 1 14", "0:gone", "0:14"]);
    expect(call(vm, 21, "nobody")).toBe(`${Status.parseFailure}:0`);

    expect(call(vm, 22)).toBe("0:2");
    expect(call(vm, 23, id(2)) + call(vm, 23, id(2)) + call(vm, 23, id(9))).toBe("0:2:1:");
    expect(vm.grpcCalls[0]).toMatchObject({ stream: true, ended: true, messages: [Buffer.from("a")] });
    expect(call(vm, 25, id(2)) + call(vm, 25, id(2)) + call(vm, 24, id(2))).toBe("0:1:1:");
  });
});

describe("the SDK's own", () => {
  test("a PairWriter that is overfilled stays well-formed, inside its bytes, and says so", () => {
    expect(call(start().vm, 38)).toBe("0:4 0,0;7,0;");
  });

  test("an IdMap finds what is in it and grows with what is open, not with time", () => {
    const { vm } = start();
    expect(call(vm, 39)).toBe("0:100");
  });
});
