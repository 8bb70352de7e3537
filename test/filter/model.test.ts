/** filter.wasm against the model and the golden vectors; `test/vectors` does the same for ring.wasm. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Server } from "../../services/protocol/topology.ts";
import { ProxyHost, type Vm } from "../host/host.ts";
import { goldenKey, goldenKeyBytes, goldenRing, model, poolArbitrary, type ModelPool } from "../vectors/index.ts";
import { configuration, deliver, routedVm, seal } from "./setup.ts";

const config = configuration({ hashKey: goldenKey, zone: "a" });

function upstream(vm: Vm, path: string): string[] {
  const { headers, local } = vm.request(path);
  return local === undefined ? (headers.find(([name]) => name === "x-ringway-upstream")?.[1] ?? "").split(",") : [local.details];
}

/** The pool with an address for each server that no other has. */
function addressed(pool: ModelPool): ModelPool {
  return { ...pool, servers: pool.servers.map((server, i): Server => ({ ...server, addr: `10.0.0.1:${i + 1}` })) };
}

function expected(pool: ModelPool, id: string, zone: string): string[] {
  const list = model.preference(goldenKeyBytes, pool, model.slotOf(goldenKeyBytes, id), 3, zone);
  return list.length === 0 ? ["no_server"] : list.map((server) => pool.servers.find(({ id: at }) => at === server)!.addr);
}

describe("the filter's preference lists", () => {
  test("the golden channel has its golden owner and second", () => {
    const vm = routedVm(seal(1, { channel: [...goldenRing.servers] }).binary, config);
    const { id, owner, second } = goldenRing.channel;
    const addr = (server: string): string => goldenRing.servers.find(({ id: at }) => at === server)!.addr;
    expect(upstream(vm, `/v1/channels/${id}`).slice(0, 2)).toEqual([addr(owner), addr(second)]);
  });

  test("agree with the model on random pools: weights, pins, draining, zones", () => {
    const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
    const ids = fc.array(id, { minLength: 4, maxLength: 8 });
    // A failing run prints its seed.
    fc.assert(
      fc.property(poolArbitrary(12), poolArbitrary(12), ids, fc.nat(99), (first, second, asked, pinTo) => {
        const channel = addressed(first);
        const pinned = channel.servers[pinTo % Math.max(1, channel.servers.length)];
        const slots = new Set(channel.pins.map(([slot]) => slot));
        const slot = model.slotOf(goldenKeyBytes, asked[0]!);
        const pins = pinned === undefined || slots.has(slot) ? channel.pins : [...channel.pins, [slot, pinned.id] as const];
        const pools = { channel: { ...channel, pins }, gateway: addressed(second) };
        const vm = routedVm(seal(1, pools).binary, config);
        for (const each of asked) {
          expect(upstream(vm, `/v1/channels/${each}/messages`)).toEqual(expected(pools.channel, each, ""));
          expect(upstream(vm, `/ws/${each}.secret`)).toEqual(expected(pools.gateway, each, "a"));
        }
      }),
      { numRuns: 60 },
    );
  });

  test("are those of the newest topology: no answer of the one before is left, whether it had servers or not", () => {
    fc.assert(
      fc.property(fc.array(poolArbitrary(12), { minLength: 2, maxLength: 6 }), fc.array(fc.stringMatching(/^[a-z]{1,9}$/), { minLength: 4, maxLength: 8 }), (pools, asked) => {
        const host = new ProxyHost();
        const vm = host.start({ configuration: config });
        pools.forEach((pool, change) => {
          const channel = addressed(pool);
          const { binary, view } = seal(change + 1, { channel });
          view.dispose();
          deliver(host, binary);
          for (const each of [...asked, ...asked]) expect(upstream(vm, `/v1/channels/${each}/messages`)).toEqual(expected(channel, each, ""));
        });
      }),
      { numRuns: 60 },
    );
  });
});
