/**
 * A proxy-wasm host in Node: several VMs of one module, one store of shared data, a clock that only the test moves. It
 * behaves as Envoy does where the filter could notice (header names in lower case, CAS, calls answered later), and counts.
 */
import { readFileSync } from "node:fs";
import type { VmOptions } from "./machine.ts";
import { MetricStore } from "./metrics.ts";
import { QueueStore } from "./queues.ts";
import { SharedStore } from "./store.ts";
import { Vm } from "./vm.ts";

export { encodePairs, decodePairs, type Pairs } from "./pairs.ts";
export { BufferType, MapType, PeerType, Status, StreamType } from "./abi.ts";
export type { LocalResponse } from "./context.ts";
export type { GrpcCall, HttpCall, VmOptions } from "./machine.ts";
export type { HttpStream, TcpStream } from "./stream.ts";
export { Vm, type RequestResult } from "./vm.ts";

export class ProxyHost {
  readonly store = new SharedStore();
  readonly queues = new QueueStore();
  readonly metricStore = new MetricStore();
  readonly metrics = this.metricStore.values;
  readonly vms: Vm[] = [];
  readonly module: WebAssembly.Module;
  nowMs = 1_700_000_000_000;
  #randomState: number;

  /** @param seed of the host's random numbers */
  constructor(wasm: URL = new URL("../../build/filter.wasm", import.meta.url), seed = 1) {
    this.module = new WebAssembly.Module(readFileSync(wasm));
    this.#randomState = seed;
  }

  /** Starts a VM and configures one plugin in it; look at `configured`. */
  start(options: VmOptions): Vm {
    const vm = new Vm(this, options);
    this.vms.push(vm);
    return vm;
  }

  /** A byte of the host's seeded randomness (xorshift32). */
  randomByte(): number {
    let x = this.#randomState;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#randomState = x;
    return x & 255;
  }

  metric(name: string): number {
    return this.metrics.get(name) ?? 0;
  }

  /** Moves the clock and lets every VM have its tick, in the order given. */
  tick(ms = 20, vms: readonly Vm[] = this.vms): void {
    this.nowMs += ms;
    for (const vm of vms) vm.tick();
  }
}
