/** How much memory this process uses, and how much it may. */
import { totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";

/** Of what a container is given, and of a machine that others use, too. */
const containerShare = 0.75;
const machineShare = 0.5;

export interface MemoryUse {
  /** resident */
  readonly rssBytes: number;
  /** of it what V8 keeps for later: it is used again before the process grows */
  readonly spareBytes: number;
  readonly ceilingBytes: number;
  /** how much of its own limit V8's heap has used, 0..1: the process ends at 1 */
  readonly heapShare: number;
}

/** @param mebibytes the ceiling; 0: three quarters of what the process's container may use, half of the machine's memory where it is in none */
export function memoryCeiling(mebibytes: number): number {
  if (mebibytes > 0) return mebibytes * 2 ** 20;
  const machine = totalmem();
  const container = process.constrainedMemory();
  return container > 0 && container < machine ? container * containerShare : machine * machineShare;
}

export function memoryUse(ceilingBytes: number): MemoryUse {
  const { used_heap_size: used, total_heap_size: total, heap_size_limit: limit } = getHeapStatistics();
  return { rssBytes: process.memoryUsage.rss(), spareBytes: Math.max(0, total - used), ceilingBytes, heapShare: used / limit };
}
