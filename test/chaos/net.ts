/**
 * A network namespace for each process, all of a site on one bridge, so that each can be cut off, any two from each other, or a whole site from the
 * others. A cut is silent, as a real one is: no reset, no refusal, packets just don't arrive. (Neither netem nor a packet filter is needed; not every
 * kernel has them.) The run itself has an address at each site: what it asks of a site does not go through another one.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { readlinkSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { leash } from "./proc.ts";
import { until } from "../e2e/wait.ts";

const exec = promisify(execFile);
const network = "10.77";
/** an address that no network card has */
const nowhere = "02:00:00:00:00:99";

interface Place {
  /** the bridge's end of its cable */
  readonly port: string;
  readonly host: string;
  /** sleeps in the namespace and so keeps it */
  readonly holder: ChildProcess;
}

export class Net {
  readonly #sites: readonly (readonly string[])[];
  readonly #isCabled: boolean;
  readonly #places = new Map<string, Place>();

  private constructor(sites: readonly (readonly string[])[], isCabled: boolean) {
    this.#sites = sites;
    this.#isCabled = isCabled;
  }

  /**
   * To be called in a namespace that is the run's own.
   * @param sites who gets a place at each
   * @param isCabled whether each site is joined with the first one; else that is up to the caller
   */
  static async create(sites: readonly (readonly string[])[], isCabled = true): Promise<Net> {
    // Who asks at one site for the run's address at another one must not be answered here.
    await writeFile("/proc/sys/net/ipv4/conf/all/arp_ignore", "1");
    const net = new Net(sites, isCabled);
    for (const [site, names] of sites.entries()) {
      await ip("link", "add", bridgeOf(site), "type", "bridge");
      await ip("addr", "add", `${network}.${site}.1/24`, "dev", bridgeOf(site));
      await ip("link", "set", bridgeOf(site), "up");
      for (const [i, name] of names.entries()) await net.#add(name, site, i + 2);
      if (site === 0 || !isCabled) continue;
      await ip("link", "add", cableOf(site), "type", "veth", "peer", "name", `${cableOf(site)}far`);
      await ip("link", "set", cableOf(site), "master", bridgeOf(0), "up");
      await ip("link", "set", `${cableOf(site)}far`, "master", bridgeOf(site), "up");
    }
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
    await ip("link", "set", this.#place(name).port, "down");
  }

  async rejoin(name: string): Promise<void> {
    await ip("link", "set", this.#place(name).port, "up");
  }

  /** A site and the others don't reach each other. @param site from 1: the first one is where all cables meet */
  async cutSite(site: number): Promise<void> {
    await ip("link", "set", cableOf(site), "down");
  }

  async joinSite(site: number): Promise<void> {
    await ip("link", "set", cableOf(site), "up");
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

  /** Takes all of it away; the next one has the same names. */
  async stop(): Promise<void> {
    for (const { holder, port } of this.#places.values()) {
      await ip("link", "del", port);
      holder.kill("SIGKILL");
    }
    for (const site of this.#sites.keys()) {
      if (this.#isCabled && site > 0) await ip("link", "del", cableOf(site));
      await ip("link", "del", bridgeOf(site));
    }
  }

  async #neighbour(at: string, of: string, verb: string, ...how: readonly string[]): Promise<void> {
    const [command, args] = this.wrap(at, "ip", ["neigh", verb, this.hostOf(of), ...how, "dev", "e0"]);
    await exec(command, args);
  }

  async #add(name: string, site: number, number: number): Promise<void> {
    const [command, ...args] = [...leash, "unshare", "-n", "--", "sleep", "infinity"];
    const holder = spawn(command!, args, { stdio: "ignore", detached: true });
    const place = { port: `v${site}-${number}`, host: `${network}.${site}.${number}`, holder };
    this.#places.set(name, place);
    const ours = readlinkSync("/proc/self/ns/net");
    await until(`a network namespace for ${name}`, () => readlinkSync(`/proc/${holder.pid}/ns/net`) !== ours);
    await ip("link", "add", place.port, "type", "veth", "peer", "name", "e0", "netns", String(holder.pid));
    await ip("link", "set", place.port, "master", bridgeOf(site), "up");
    for (const line of [["addr", "add", `${place.host}/16`, "dev", "e0"], ["link", "set", "e0", "up"], ["link", "set", "lo", "up"]]) {
      const [command, args] = this.wrap(name, "ip", line);
      await exec(command, args);
    }
    // One that every kernel has; bbr, which some have, sends next to nothing for 200 ms every ten seconds to see how far away the other end is.
    const [sysctl, settings] = this.wrap(name, "sysctl", ["-qw", "net.ipv4.tcp_congestion_control=reno"]);
    await exec(sysctl, settings);
  }

  #place(name: string): Place {
    const place = this.#places.get(name);
    if (place === undefined) throw new Error(`${name} has no place in the network`);
    return place;
  }
}

/** The bridge of a site. */
export function bridgeOf(site: number): string {
  return `ringway${site}`;
}

function cableOf(site: number): string {
  return `cable${site}`;
}

async function ip(...args: readonly string[]): Promise<void> {
  await exec("ip", args);
}
