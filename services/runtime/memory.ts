/** How much memory this process uses, and how much it may. */
import { totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";

/** Of what a container is given, and of a machine that others use, too. */
const containerShare = 0.75;
const machineShare = 0.5;

export interface MemoryUse {
  readonly usedBytes: number;
  readonly ceilingBytes: number;
}

/** @param mebibytes the ceiling; 0: three quarters of what the process's container may use, half of the machine's memory where it is in none */
export function memoryCeiling(mebibytes: number): number {
  if (mebibytes > 0) return mebibytes * 2 ** 20;
  const machine = totalmem();
  const container = process.constrainedMemory();
  return container > 0 && container < machine ? container * containerShare : machine * machineShare;
}

/** What is nearest to its end: the memory below the ceiling, or V8's own heap, whose end is the process's. */
export function memoryUse(ceilingBytes: number): MemoryUse {
  const rss = process.memoryUsage.rss();
  const { used_heap_size: heap, heap_size_limit: heapLimit } = getHeapStatistics();
  return heap / heapLimit > rss / ceilingBytes ? { usedBytes: heap, ceilingBytes: heapLimit } : { usedBytes: rss, ceilingBytes };
}
