/** What every server behind the ring does alike at the registry: it says where it is, and reads the topology. */
import type { Clock } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import type { Blocking, Registry } from "./client.ts";
import { keepRegistered } from "./register.ts";

interface ServerConfig {
  readonly id: string;
  readonly zone: string;
  readonly weight: number;
  readonly ttlMs: number;
  readonly passEveryMs: number;
}

/** Keeps the server that listens at `addr` registered as one of `service`, with its zone and weight, until `stop`. */
export function registerServer(registry: Registry, service: string, { id, zone, weight, ttlMs, passEveryMs }: ServerConfig, addr: string, clock: Clock, log: Log): ReturnType<typeof keepRegistered> {
  return keepRegistered({ registry, registration: { service, id, addr, meta: { zone, weight: String(weight) }, ttlMs }, passEveryMs, clock, log });
}

/** The registry's KV as `followTopology` reads it. */
export function kvReader(registry: Registry) {
  return async (key: string, blocking: Blocking): Promise<{ index: number; value: Uint8Array | undefined }> => {
    const { index, entry } = await registry.get(key, blocking);
    return { index, value: entry?.value };
  };
}
