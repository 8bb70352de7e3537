/** Logging, clocks, timers, randomness, environment: the ABI's and WASI's. */
import { Status, type HostCalls } from "../abi.ts";
import type { Machine } from "../machine.ts";

const Errno = { success: 0, badFile: 8, notSupported: 58 } as const;

export function runtimeCalls(machine: Machine): HostCalls {
  return {
    proxy_log: (level: number, ptr: number, size: number): number => {
      if (level > 5) return Status.badArgument;
      machine.logs.push({ level, text: machine.memory.bytes(ptr, size).toString("utf8") });
      return Status.ok;
    },
    proxy_get_log_level: (ptr: number): number => {
      machine.memory.u32(ptr, machine.options.logLevel ?? 2);
      return Status.ok;
    },
    proxy_get_current_time_nanoseconds: (ptr: number): number => {
      machine.memory.u64(ptr, BigInt(machine.host.nowMs) * 1_000_000n);
      return Status.ok;
    },
    proxy_set_tick_period_milliseconds: (ms: number): number => {
      machine.tickPeriodMs = ms;
      return Status.ok;
    },
  };
}

export function wasiCalls(machine: Machine): HostCalls {
  const environment = (): Buffer[] => Object.entries(machine.options.environment ?? {}).map(([name, value]) => Buffer.from(`${name}=${value}\0`));
  return {
    fd_write: (fd: number, iovec: number, count: number, written: number): number => {
      if (fd !== 1 && fd !== 2) return Errno.badFile;
      const parts = Array.from({ length: count }, (_, i) => {
        const entry = machine.memory.bytes(iovec + 8 * i, 8);
        return Buffer.from(machine.memory.bytes(entry.readUInt32LE(0), entry.readUInt32LE(4)));
      });
      const whole = Buffer.concat(parts);
      machine.logs.push({ level: fd === 1 ? 2 : 4, text: whole.toString("utf8") });
      machine.memory.u32(written, whole.length);
      return Errno.success;
    },
    clock_time_get: (clock: number, _ignored: bigint, ptr: number): number => {
      if (clock > 1) return Errno.notSupported;
      machine.memory.u64(ptr, BigInt(machine.host.nowMs) * 1_000_000n);
      return Errno.success;
    },
    random_get: (ptr: number, size: number): number => {
      const bytes = machine.memory.bytes(ptr, size);
      for (let i = 0; i < size; i++) bytes[i] = machine.host.randomByte();
      return Errno.success;
    },
    environ_sizes_get: (count: number, size: number): number => {
      const texts = environment();
      machine.memory.u32(count, texts.length);
      machine.memory.u32(size, Buffer.concat(texts).length);
      return Errno.success;
    },
    environ_get: (pointers: number, buffer: number): number => {
      let at = buffer;
      environment().forEach((text, i) => {
        machine.memory.u32(pointers + 4 * i, at);
        machine.memory.bytes(at, text.length).set(text);
        at += text.length;
      });
      return Errno.success;
    },
  };
}
