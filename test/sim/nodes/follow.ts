/** A server's loops towards the registry, as services/ring/follow.ts, services/channel/health.ts and services/registry/register.ts run them. */
import { criticalAfter } from "../../../services/channel/health.ts";
import type { Pool } from "../../../services/protocol/topology.ts";
import type { Instance } from "../../../services/registry/client.ts";
import type { RingView } from "../../../services/ring/ring.ts";
import type { Process } from "../process.ts";
import type { World } from "../world.ts";

const waitMs = 35_000;
const backOff = { least: 100, most: 5_000 };
const healthBackOffMostMs = 2_000;
const askMs = 5_000;

interface Health {
  readonly index: number;
  readonly instances: readonly Instance[];
}

const passEveryMs = 500;
const ttlMs = 2_000;

/** Calls `onView` for each newer topology while the process lives. */
export function follow(world: World, process: Process, onView: (view: RingView) => void): void {
  let epoch = 0;
  world.epochs.set(process.place, 0);
  let pauseMs = backOff.least;
  const ask = (): void => {
    world.net.call<RingView>(process, [process.place, "charm"], () => world.charm?.process, (reply) => world.charm!.registry.follow(epoch, reply), { timeoutMs: waitMs }, (outcome) => {
      if (outcome.type === "ok") {
        pauseMs = backOff.least;
        if (outcome.value.epoch > epoch) {
          epoch = outcome.value.epoch;
          world.epochs.set(process.place, epoch);
          onView(outcome.value);
        }
        return ask();
      }
      if (outcome.type === "timeout") return ask();
      process.after(pauseMs, ask);
      pauseMs = Math.min(2 * pauseMs, backOff.most);
    });
  };
  ask();
}

/** Calls `onChange` with the channel servers that are critical by the registry's word. */
export function followHealth(world: World, process: Process, onChange: (critical: ReadonlySet<string>) => void): void {
  let index = 0;
  let pauseMs = backOff.least;
  let critical: ReadonlySet<string> = new Set();
  const change = (now: ReadonlySet<string>): void => {
    critical = now;
    onChange(now);
  };
  const ask = (): void => {
    world.net.call<Health>(process, [process.place, "charm"], () => world.charm?.process, (reply) => world.charm!.registry.health(index, reply), { timeoutMs: waitMs }, (outcome) => {
      if (outcome.type === "ok") {
        pauseMs = backOff.least;
        index = outcome.value.index;
        change(criticalAfter(critical, outcome.value.instances));
        return ask();
      }
      index = 0;
      if (outcome.type === "timeout") return ask();
      change(new Set());
      process.after(pauseMs, ask);
      pauseMs = Math.min(2 * pauseMs, healthBackOffMostMs);
    });
  };
  ask();
}

export interface Registration {
  readonly pool: Pool;
  readonly id: string;
  readonly addr: string;
  readonly weight: number;
}

/** Registers, passes the check, and registers again where charm forgot. @returns deregisters; calls `done` in any case */
export function keepRegistered(world: World, process: Process, { pool, id, addr, weight }: Registration): (done: () => void) => void {
  const path = [process.place, "charm"];
  const target = (): Process | undefined => world.charm?.process;
  let known = false;
  let stopped = false;
  const pass = (): void => {
    if (stopped) return;
    const passed = known;
    const handle = (reply: (known: boolean) => void): void => {
      const { registry } = world.charm!;
      if (passed) return reply(registry.pass(id));
      registry.register(pool, id, addr, { zone: "local", weight: String(weight) }, ttlMs);
      reply(true);
    };
    world.net.call<boolean>(process, path, target, handle, { timeoutMs: askMs }, (outcome) => {
      if (outcome.type === "ok") {
        known = outcome.value;
        if (!known) return pass();
      }
      process.after(passEveryMs, pass);
    });
  };
  pass();
  return (done) => {
    stopped = true;
    const handle = (reply: (value: true) => void): void => {
      world.charm!.registry.deregister(id);
      reply(true);
    };
    world.net.call<true>(process, path, target, handle, { timeoutMs: askMs }, done);
  };
}
