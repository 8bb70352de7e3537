/** What VMs share: data with compare-and-swap, queues, metrics. */
import { Status, type HostCalls } from "../abi.ts";
import { rootOf, type Machine } from "../machine.ts";
import { MetricType } from "../metrics.ts";

export function sharedCalls(machine: Machine): HostCalls {
  const { memory, host } = machine;
  const vmId = machine.options.vmId ?? "";
  // One store per vm_id; the default one's keys are as they are.
  const keyOf = (key: string): string => (vmId === "" ? key : `${vmId}\0${key}`);
  return {
    proxy_get_shared_data: (key: number, size: number, ptr: number, length: number, cas: number): number => {
      const found = host.store.get(keyOf(memory.text(key, size)));
      if (found === undefined) return Status.notFound;
      memory.u32(cas, found.cas);
      memory.give(found.value, ptr, length);
      return Status.ok;
    },
    proxy_set_shared_data: (key: number, size: number, value: number, valueSize: number, cas: number): number =>
      host.store.set(keyOf(memory.text(key, size)), memory.bytes(value, valueSize), cas) ? Status.ok : Status.casMismatch,
    proxy_register_shared_queue: (name: number, size: number, id: number): number => {
      const root = rootOf(machine);
      if (root === undefined) return Status.badArgument;
      const queueId: number = host.queues.register(vmId, memory.text(name, size), () => machine.queueReady(queueId, root.id));
      memory.u32(id, queueId);
      return Status.ok;
    },
    proxy_resolve_shared_queue: (vm: number, vmSize: number, name: number, size: number, id: number): number => {
      const found = host.queues.resolve(memory.text(vm, vmSize), memory.text(name, size));
      if (found === undefined) return Status.notFound;
      memory.u32(id, found);
      return Status.ok;
    },
    proxy_enqueue_shared_queue: (id: number, value: number, size: number): number => {
      const queue = host.queues.get(id);
      if (queue === undefined) return Status.notFound;
      host.queues.enqueue(queue, memory.bytes(value, size));
      return Status.ok;
    },
    proxy_dequeue_shared_queue: (id: number, ptr: number, length: number): number => {
      const queue = host.queues.get(id);
      if (queue === undefined) return Status.notFound;
      const item = queue.items.shift();
      if (item === undefined) return Status.empty;
      memory.give(item, ptr, length);
      return Status.ok;
    },
  };
}

export function metricCalls(machine: Machine): HostCalls {
  const { memory, host } = machine;
  return {
    proxy_define_metric: (type: number, name: number, size: number, id: number): number => {
      const defined = host.metricStore.define(type, memory.text(name, size));
      if (defined === undefined) return Status.badArgument;
      memory.u32(id, defined);
      return Status.ok;
    },
    proxy_increment_metric: (id: number, by: bigint): number => {
      const metric = host.metricStore.get(id);
      if (metric === undefined) return Status.notFound;
      if (metric.type === MetricType.histogram || (metric.type === MetricType.counter && by < 0n)) return Status.badArgument;
      host.metrics.set(metric.name, host.metric(metric.name) + Number(by));
      return Status.ok;
    },
    proxy_record_metric: (id: number, value: bigint): number => {
      const metric = host.metricStore.get(id);
      if (metric === undefined) return Status.notFound;
      host.metrics.set(metric.name, Number(value));
      return Status.ok;
    },
    proxy_get_metric: (id: number, ptr: number): number => {
      const metric = host.metricStore.get(id);
      if (metric === undefined) return Status.notFound;
      if (metric.type === MetricType.histogram) return Status.badArgument;
      memory.u64(ptr, BigInt(host.metric(metric.name)));
      return Status.ok;
    },
  };
}
