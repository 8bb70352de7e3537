/**
 * The filter in the host emulator, through one change of the ring after the other: how long each callback took. A process of its own, started afresh
 * (callbacks.ts), because V8 keeps what it has compiled of a module.
 */
import { ProxyHost, type Vm } from "../../host/host.ts";
import { configuration, pollingVm } from "../../filter/setup.ts";
import { documents } from "./documents.ts";

const IDLE_TICKS = 10;
const CHANNELS = 32;

export type Kind = "tick, nothing new" | "tick that adopts" | "answer to the poll (adopts and shares)" | "first request for a slot" | "warm request";

/** µs of every callback of a kind, in order: two runs do the same work at the same place. */
export type Times = Record<Kind, number[]>;

/** Runs `act` and notes how long the callback of this name took in it. */
function timed(vm: Vm, callback: string, into: number[], act: () => void): void {
  const call = vm.callbackAs;
  vm.callbackAs = (context, id, name, ...args) => {
    if (name !== callback) return call.call(vm, context, id, name, ...args);
    const started = performance.now();
    const answer = call.call(vm, context, id, name, ...args);
    into.push((performance.now() - started) * 1_000);
    return answer;
  };
  act();
  vm.callbackAs = call;
}

function run(changes: number): Times {
  const times: Times = { "tick, nothing new": [], "tick that adopts": [], "answer to the poll (adopts and shares)": [], "first request for a slot": [], "warm request": [] };
  const sealed = documents(changes, 1_000, (i) => `127.0.0.1:${10_000 + i}`);
  const host = new ProxyHost();
  for (let i = 0; i < 2; i++) host.start({ configuration: configuration() });
  const poller = pollingVm(host);
  const worker = host.vms.find((vm) => vm !== poller)!;
  const ask = (i: number): void => void worker.request(`/v1/channels/C${i}/messages`, [["user-agent", "ringway-bench/1"]]);
  sealed.forEach((binary, index) => {
    globalThis.gc?.({ type: "minor" }); // the emulator's own garbage: not to be collected within a callback
    pollingVm(host);
    timed(poller, "proxy_on_http_call_response", times["answer to the poll (adopts and shares)"], () => poller.respond(200, { "x-consul-index": String(index + 2) }, binary));
    timed(worker, "proxy_on_tick", times["tick that adopts"], () => host.tick(20, [worker]));
    host.tick(20, [poller]);
    for (let i = 0; i < IDLE_TICKS; i++) timed(worker, "proxy_on_tick", times["tick, nothing new"], () => host.tick(20, [worker]));
    for (const kind of ["first request for a slot", "warm request"] as const) {
      for (let i = 0; i < CHANNELS; i++) timed(worker, "proxy_on_request_headers", times[kind], () => ask(i));
    }
  });
  if (host.metric("ringway_topology_adopted") !== 2 * changes) throw new Error("a change was not adopted");
  return times;
}

process.send?.(run(Number(process.argv[2])));
