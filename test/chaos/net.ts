/**
 * A network namespace for each process, all on one bridge, so that each can be cut off, or any two from each other. A cut is silent, as a real one
 * is: no reset, no refusal, packets just don't arrive. (Neither netem nor a packet filter is needed; not every kernel has them.)
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { readlinkSync } from "node:fs";
import { promisify } from "node:util";
import { leash } from "./proc.ts";
import { until } from "../e2e/wait.ts";

const exec = promisify(execFile);
const subnet = "10.77.0";
const bridge = "ringway";
/** an address that no network card has */
const nowhere = "02:00:00:00:00:99";

interface Place {
  readonly number: number;
  readonly host: string;
  /** sleeps in the namespace and so keeps it */
  readonly holder: ChildProcess;
}

export class Net {
  readonly #places = new Map<string, Place>();

  /** @param names who gets a place; to be called in a namespace that is the run's own */
  static async create(names: readonly string[]): Promise<Net> {
    await ip("link", "add", bridge, "type", "bridge");
    await ip("addr", "add", `${subnet}.1/24`, "dev", bridge);
    await ip("link", "set", bridge, "up");
    const net = new Net();
    for (const name of names) await net.#add(name);
    return net;
  }

  hostOf(name: string): string {
    return this.#place(name).host;
  }

  /** The command that runs another one at a place. */
  wrap(name: string, command: string, args: readonly string[]): readonly [string, readonly string[]] {
    return ["nsenter", [`--net=/proc/${this.#place(name).holder.pid}/ns/net`, "--", command, ...args]];
  }

  /** Nobody reaches it, and it reaches nobody. */
  async cutOff(name: string): Promise<void> {
    await ip("link", "set", `v${this.#place(name).number}`, "down");
  }

  async rejoin(name: string): Promise<void> {
    await ip("link", "set", `v${this.#place(name).number}`, "up");
  }

  /** These two don't reach each other. */
  async cut(one: string, other: string): Promise<void> {
    await this.#neighbour(one, other, "replace", "lladdr", nowhere, "nud", "permanent");
    await this.#neighbour(other, one, "replace", "lladdr", nowhere, "nud", "permanent");
  }

  async join(one: string, other: string): Promise<void> {
    await this.#neighbour(one, other, "del");
    await this.#neighbour(other, one, "del");
  }

  stop(): void {
    for (const { holder } of this.#places.values()) holder.kill("SIGKILL");
  }

  async #neighbour(at: string, of: string, verb: string, ...how: readonly string[]): Promise<void> {
    const [command, args] = this.wrap(at, "ip", ["neigh", verb, this.hostOf(of), ...how, "dev", "e0"]);
    await exec(command, args);
  }

  async #add(name: string): Promise<void> {
    const number = this.#places.size + 2;
    const [command, ...args] = [...leash, "unshare", "-n", "--", "sleep", "infinity"];
    const holder = spawn(command!, args, { stdio: "ignore", detached: true });
    const place = { number, host: `${subnet}.${number}`, holder };
    this.#places.set(name, place);
    const ours = readlinkSync("/proc/self/ns/net");
    await until(`a network namespace for ${name}`, () => readlinkSync(`/proc/${holder.pid}/ns/net`) !== ours);
    await ip("link", "add", `v${number}`, "type", "veth", "peer", "name", "e0", "netns", String(holder.pid));
    await ip("link", "set", `v${number}`, "master", bridge, "up");
    for (const line of [["addr", "add", `${place.host}/24`, "dev", "e0"], ["link", "set", "e0", "up"], ["link", "set", "lo", "up"]]) {
      const [command, args] = this.wrap(name, "ip", line);
      await exec(command, args);
    }
  }

  #place(name: string): Place {
    const place = this.#places.get(name);
    if (place === undefined) throw new Error(`${name} has no place in the network`);
    return place;
  }
}

async function ip(...args: readonly string[]): Promise<void> {
  await exec("ip", args);
}
