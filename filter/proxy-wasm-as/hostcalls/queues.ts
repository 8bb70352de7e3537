/** Shared queues between the VMs of a process. Who registered a queue is told of items by `onQueueReady`. */
import { Bytes } from "../bytes";
import { Status } from "../enums";
import { clearOut, out, outNumber, outU32 } from "../out";

@external("env", "proxy_register_shared_queue")
declare function proxy_register_shared_queue(name: usize, nameSize: u32, returnQueueId: usize): u32;

/** Makes a queue of this VM's `vm_id`, or opens it, and gives its id; 0 where the host refuses. */
export function registerSharedQueue(name: Bytes): u32 {
  clearOut();
  return proxy_register_shared_queue(name.ptr, name.len, outNumber) == Status.Ok ? outU32() : 0;
}

@external("env", "proxy_resolve_shared_queue")
declare function proxy_resolve_shared_queue(
  vmId: usize,
  vmIdSize: u32,
  name: usize,
  nameSize: u32,
  returnQueueId: usize,
): u32;

/** The id of a queue that another VM has registered; 0 if there is none. */
export function resolveSharedQueue(vmId: Bytes, name: Bytes): u32 {
  clearOut();
  const status = proxy_resolve_shared_queue(vmId.ptr, vmId.len, name.ptr, name.len, outNumber);
  return status == Status.Ok ? outU32() : 0;
}

@external("env", "proxy_enqueue_shared_queue")
declare function proxy_enqueue_shared_queue(queueId: u32, value: usize, valueSize: u32): u32;

/** Adds an item at the end. */
export function enqueueSharedQueue(queueId: u32, value: usize, valueLen: i32): Status {
  return proxy_enqueue_shared_queue(queueId, value, valueLen);
}

@external("env", "proxy_dequeue_shared_queue")
declare function proxy_dequeue_shared_queue(queueId: u32, value: usize, valueSize: usize): u32;

/** Takes the first item; `Status.Empty` when there is none: another VM may have been faster. */
export function dequeueSharedQueue(queueId: u32): Status {
  clearOut();
  return proxy_dequeue_shared_queue(queueId, out, out + 4);
}
