/**
 * charm's embedded registry as the servers see it: TTL checks (the real pure table of services/registry), the topology
 * with blocking queries, and what is on disk. It lives in charm's process; only `Disk` survives it.
 */
import type { Pool, Topology } from "../../services/protocol/topology.ts";
import { Health, type Service } from "../../services/registry/health.ts";
import type { Instance } from "../../services/registry/client.ts";
import type { RingView } from "../../services/ring/ring.ts";
import type { Intents } from "../../services/charm/intents.ts";
import type { Process } from "./process.ts";

export interface Disk {
  topology: Topology | undefined;
  view: RingView | undefined;
  intents: Intents;
}

const sweepMs = 100;

export class Registry {
  readonly #process: Process;
  readonly #clock: () => number;
  readonly #health = new Health(1);
  readonly #onMembers: (pool: Pool, instances: readonly Instance[]) => void;
  #index = 1;
  #waiters = new Set<() => void>();
  #healthWaiters = new Set<() => void>();
  readonly disk: Disk;

  constructor(process: Process, clock: () => number, disk: Disk, onMembers: (pool: Pool, instances: readonly Instance[]) => void) {
    this.#process = process;
    this.#clock = clock;
    this.disk = disk;
    this.#onMembers = onMembers;
    this.#sweep(clock());
  }

  register(pool: Pool, id: string, addr: string, meta: Readonly<Record<string, string>>, ttlMs: number): void {
    const [address, port] = addr.split(":") as [string, string];
    const check = { checkId: id, name: id, ttlMs, forgetAfterMs: 0, initial: "passing" } as const;
    const service: Service = { id, name: `ringway-${pool}`, address, port: Number(port), tags: [], meta, check };
    this.#changed(this.#health.register(service, this.#clock(), this.#take));
  }

  /** @returns false where the check is unknown */
  pass(id: string): boolean {
    const changed = this.#health.setStatus(id, "passing", "", this.#clock(), this.#take);
    if (changed !== undefined) this.#changed(changed);
    return changed !== undefined;
  }

  deregister(id: string): void {
    const name = this.#health.deregister(id, this.#take);
    if (name !== undefined) this.#changed([name]);
  }

  /** Answers when the topology is newer than `epoch`. */
  follow(epoch: number, answer: (view: RingView) => void): void {
    const { view } = this.disk;
    if (view !== undefined && view.epoch > epoch) return answer(view);
    const waiter = (): void => {
      this.#waiters.delete(waiter);
      this.follow(epoch, answer);
    };
    this.#waiters.add(waiter);
  }

  /** Answers when the channel servers or their checks have changed since `index`. */
  health(index: number, answer: (now: { readonly index: number; readonly instances: readonly Instance[] }) => void): void {
    if (this.#index > index) return answer({ index: this.#index, instances: this.#instances("ringway-channel") });
    const waiter = (): void => {
      this.#healthWaiters.delete(waiter);
      this.health(index, answer);
    };
    this.#healthWaiters.add(waiter);
  }

  publish(topology: Topology, view: RingView): void {
    this.disk.topology = topology;
    this.disk.view = view;
    for (const waiter of [...this.#waiters]) waiter();
  }

  #sweep(last: number): void {
    this.#process.after(sweepMs, () => {
      const now = this.#clock();
      const late = now - last - sweepMs;
      this.#changed(this.#health.sweep(now, Math.abs(late) > sweepMs ? late : 0, this.#take));
      this.#sweep(now);
    });
  }

  readonly #take = (): number => ++this.#index;

  #changed(names: readonly string[]): void {
    for (const name of names) {
      this.#onMembers(name.replace("ringway-", "") as Pool, this.#instances(name));
      if (name === "ringway-channel") for (const waiter of [...this.#healthWaiters]) waiter();
    }
  }

  #instances(name: string): Instance[] {
    return this.#health.list(name).map(({ service, status }) => ({
      id: service.id,
      addr: `${service.address}:${service.port}`,
      meta: service.meta,
      passing: status === "passing",
    }));
  }
}
