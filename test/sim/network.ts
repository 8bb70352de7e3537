/**
 * The network: places, delays, cuts. What is sent across a cut waits until it is healed, as TCP would send it again;
 * only time-outs and heartbeats tell a cut from a silent peer.
 */
import { Connection } from "./connection.ts";
import type { Kernel, Task } from "./kernel.ts";
import type { Process } from "./process.ts";
import type { Random } from "./random.ts";

export type Place = string;
/** The places that traffic passes, e.g. gateway, Envoy, channel server. */
export type Path = readonly Place[];

export type Outcome<T> =
  | { readonly type: "ok"; readonly value: T }
  /** nobody listens there: it was not carried out */
  | { readonly type: "refused" }
  /** the peer died, or the connection broke: it may have been carried out */
  | { readonly type: "reset" }
  | { readonly type: "timeout" };

export class Network {
  readonly #kernel: Kernel;
  readonly #random: Random;
  readonly #cuts = new Map<string, number>();
  #held: { readonly path: Path; readonly run: () => void }[] = [];
  readonly connections = new Set<Pick<Connection<unknown>, "path" | "break" | "healed">>();
  /** delays are multiplied by this */
  slowness = 1;

  constructor(kernel: Kernel, random: Random) {
    this.#kernel = kernel;
    this.#random = random;
  }

  delay(): number {
    const ms = this.#random.chance(0.02) ? this.#random.between(3, 40) : this.#random.between(0.1, 1);
    return ms * this.slowness;
  }

  isCut(path: Path): boolean {
    if (this.#cuts.size === 0) return false;
    for (let i = 1; i < path.length; i++) if (this.#cuts.has(between(path[i - 1]!, path[i]!))) return true;
    return false;
  }

  cut(a: Place, b: Place): void {
    const key = between(a, b);
    this.#cuts.set(key, (this.#cuts.get(key) ?? 0) + 1);
  }

  /** Cuts are counted: two of them need two healings. */
  heal(a: Place, b: Place): void {
    const key = between(a, b);
    const left = (this.#cuts.get(key) ?? 1) - 1;
    if (left > 0) return void this.#cuts.set(key, left);
    this.#cuts.delete(key);
    const held = this.#held;
    this.#held = [];
    for (const { path, run } of held) this.send(path, run);
    for (const connection of this.connections) connection.healed();
  }

  /** One packet; it overtakes others. */
  send(path: Path, run: () => void): void {
    if (this.isCut(path)) this.#held.push({ path, run });
    else
      this.#kernel.after(this.delay(), () => {
        if (this.isCut(path)) this.#held.push({ path, run });
        else run();
      });
  }

  /**
   * A request and its answer on a connection of its own. `done` is called once, if `from` is still there.
   * @param target who listens when the request arrives
   * @param handle runs in the target
   * @param connectMs a cut path fails the connection after this time; undefined: the connection is there already
   */
  call<T>(
    from: Process | undefined,
    path: Path,
    target: () => Process | undefined,
    handle: (reply: (value: T) => void) => void,
    timing: { readonly timeoutMs: number; readonly connectMs?: number | undefined },
    done: (outcome: Outcome<T>) => void,
  ): void {
    let over = false;
    let late: Task | undefined;
    const finish = (outcome: Outcome<T>): void => {
      if (over) return;
      over = true;
      if (late !== undefined) late.run = undefined;
      if (from === undefined) done(outcome);
      else from.post(() => done(outcome));
    };
    if (timing.connectMs !== undefined && this.isCut(path)) {
      return void this.#kernel.after(timing.connectMs, () => finish({ type: "refused" }));
    }
    if (timing.timeoutMs < Infinity) late = this.#kernel.after(timing.timeoutMs, () => finish({ type: "timeout" }));
    const back = [...path].reverse();
    this.send(path, () => {
      const process = target();
      if (process === undefined || !process.alive) return this.send(back, () => finish({ type: "refused" }));
      const alive = process.onDeath(() => this.send(back, () => finish({ type: "reset" })));
      process.post(() =>
        handle((value) => {
          if (!process.alive) return;
          alive();
          this.send(back, () => finish({ type: "ok", value }));
        }),
      );
    });
  }

  /** Makes a connection between two processes; both ends are open at once. */
  connect<T>(path: Path, a: Process, b: Process): Connection<T> {
    const connection: Connection<T> = new Connection<T>(this, this.#kernel, this.#random, path, a, b, () => this.connections.delete(connection));
    this.connections.add(connection);
    return connection;
  }
}

function between(a: Place, b: Place): string {
  return a < b ? `${a}|${b}` : `${b}|${a}`;
}
