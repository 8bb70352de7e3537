/** HTTP fields and buffers. A map or buffer that the running context has not got is a refusal, never a crash. */
import { Status, type HostCalls } from "../abi.ts";
import { rootOf, type Machine } from "../machine.ts";
import { decodePairs, encodePairs, type Pairs } from "../pairs.ts";

/** Serialised pairs, of which there may be none at all. */
export function readPairs(machine: Machine, ptr: number, size: number): Pairs {
  return size === 0 ? [] : decodePairs(Buffer.from(machine.memory.bytes(ptr, size)));
}

export function fieldCalls(machine: Machine): HostCalls {
  const { memory } = machine;
  // Answers to calls stand with the root, and can be read in the name of a stream too.
  const map = (type: number): Pairs | undefined => machine.effective?.maps.get(type) ?? (type >= 4 ? rootOf(machine)?.maps.get(type) : undefined);
  const set = (type: number, name: string, value: string | undefined, keep: boolean): number => {
    const pairs = map(type);
    if (pairs === undefined) return Status.badArgument;
    const lower = name.toLowerCase();
    if (!keep) for (let i = pairs.length - 1; i >= 0; i--) if (pairs[i]?.[0].toLowerCase() === lower) pairs.splice(i, 1);
    if (value !== undefined) pairs.push([lower, value]);
    return Status.ok;
  };
  return {
    proxy_get_header_map_size: (type: number, size: number): number => {
      const pairs = map(type);
      if (pairs === undefined) return Status.badArgument;
      memory.u32(size, encodePairs(pairs).length);
      return Status.ok;
    },
    proxy_get_header_map_pairs: (type: number, ptr: number, length: number): number => {
      const pairs = map(type);
      if (pairs === undefined) return Status.badArgument;
      memory.give(machine.effective?.rawHeaderMap ?? encodePairs(pairs), ptr, length);
      return Status.ok;
    },
    proxy_set_header_map_pairs: (type: number, ptr: number, size: number): number => {
      const pairs = map(type);
      if (pairs === undefined) return Status.badArgument;
      pairs.splice(0, pairs.length, ...readPairs(machine, ptr, size));
      return Status.ok;
    },
    proxy_get_header_map_value: (type: number, key: number, size: number, ptr: number, length: number): number => {
      const pairs = map(type);
      if (pairs === undefined) return Status.badArgument;
      const name = memory.text(key, size);
      const found = pairs.find(([at]) => at === name);
      if (found === undefined) return Status.notFound;
      memory.give(Buffer.from(found[1], "latin1"), ptr, length);
      return Status.ok;
    },
    proxy_add_header_map_value: (type: number, key: number, size: number, value: number, valueSize: number): number =>
      set(type, memory.text(key, size), memory.text(value, valueSize), true),
    proxy_replace_header_map_value: (type: number, key: number, size: number, value: number, valueSize: number): number =>
      set(type, memory.text(key, size), memory.text(value, valueSize), false),
    proxy_remove_header_map_value: (type: number, key: number, size: number): number => set(type, memory.text(key, size), undefined, false),
  };
}

export function bufferCalls(machine: Machine): HostCalls {
  const { memory } = machine;
  const holder = (type: number) => (machine.effective?.buffers.has(type) ? machine.effective : type >= 4 ? rootOf(machine) : undefined);
  return {
    proxy_get_buffer_bytes: (type: number, start: number, size: number, ptr: number, length: number): number => {
      const buffer = holder(type)?.buffers.get(type);
      if (buffer === undefined) return Status.notFound;
      const from = start >>> 0;
      const end = from + (size >>> 0);
      if (end > 0xffff_ffff) return Status.badArgument;
      memory.give(buffer.subarray(from, end), ptr, length);
      return Status.ok;
    },
    proxy_get_buffer_status: (type: number, size: number, flags: number): number => {
      const buffer = holder(type)?.buffers.get(type);
      if (buffer === undefined) return Status.notFound;
      memory.u32(size, buffer.length);
      memory.u32(flags, 0);
      return Status.ok;
    },
    proxy_set_buffer_bytes: (type: number, start: number, size: number, value: number, valueSize: number): number => {
      const context = holder(type);
      const buffer = context?.buffers.get(type);
      if (context === undefined || buffer === undefined) return Status.notFound;
      if (type > 3) return Status.badArgument;
      const from = Math.min(start >>> 0, buffer.length);
      const to = Math.min(from + (size >>> 0), buffer.length);
      context.buffers.set(type, Buffer.concat([buffer.subarray(0, from), memory.bytes(value, valueSize), buffer.subarray(to)]));
      return Status.ok;
    },
  };
}
