/** One look at everything that the console shows. */
import { readEnvoy } from "../observe/envoy.ts";
import { compare, scrape, type Scrape } from "../observe/look.ts";
import { limits } from "../protocol/limits.ts";
import type { Decision, Rebalance } from "../protocol/operator.ts";
import type { Pool } from "../protocol/topology.ts";
import type { CharmDoor } from "./charm.ts";
import type { CurrentRing, Ring } from "./current-ring.ts";
import type { EnvoyView, Snapshot } from "./snapshot.ts";

/** A look that is older says nothing of a rate now. */
const staleMs = 10_000;

interface Before {
  readonly at: number;
  readonly scrape: Scrape;
  /** Envoy's URL → 421s so far */
  readonly misdirected: ReadonlyMap<string, number | null>;
}

export class Observer {
  readonly #charm: CharmDoor;
  readonly #ring: CurrentRing;
  readonly #envoyUrls: readonly string[];
  #before: Before = { at: -Infinity, scrape: new Map(), misdirected: new Map() };
  #decisions: readonly Decision[] = [];

  constructor(charm: CharmDoor, ring: CurrentRing, envoyUrls: readonly string[]) {
    this.#charm = charm;
    this.#ring = ring;
    this.#envoyUrls = envoyUrls;
  }

  /** One at a time. Who does not answer is shown so, and is no error. */
  async look(): Promise<Snapshot> {
    const [ring, charm, envoys] = await Promise.all([this.#ring.read().catch(() => undefined), this.#readCharm(), Promise.all(this.#envoyUrls.map(readEnvoy)), this.#readDecisions()]);
    const targets = (ring?.shares ?? []).filter(({ state }) => state !== "down");
    const found = await scrape(targets);
    const at = performance.now();
    const isFresh = at - this.#before.at < staleMs;
    const seconds = isFresh ? (at - this.#before.at) / 1_000 : 1;
    const { servers, missing: _, ...figures } = compare(targets, isFresh ? this.#before.scrape : new Map(), found, seconds);
    const rows = new Map(servers.map((row) => [row.id, row]));
    const misdirectedPer = (url: string, now: number | null): number | null => {
      const before = isFresh ? this.#before.misdirected.get(url) : undefined;
      return now === null || before === undefined || before === null ? null : Math.round((10 * Math.max(0, now - before)) / seconds) / 10;
    };
    const views = envoys.map((envoy): EnvoyView => ({ ...envoy, misdirected_per_second: misdirectedPer(envoy.url, envoy.misdirected) }));
    this.#before = { at, scrape: found, misdirected: new Map(envoys.map(({ url, misdirected }) => [url, misdirected])) };
    return { at: Date.now(), epoch: ring?.view.epoch ?? null, charm, servers: serversOf(ring, rows), figures, envoys: views, decisions: this.#decisions };
  }

  async #readCharm(): Promise<Snapshot["charm"]> {
    const said = await this.#charm.read("/v1/charm/status").catch(() => undefined);
    if (said === undefined) return null;
    const { leading, rebalance, held, intents } = said as { leading: boolean; rebalance: Rebalance | null; held: Record<string, readonly string[]>; intents: { pins: Record<Pool, readonly (readonly [number, string])[]> } };
    return { leading, rebalance, held, pins: intents.pins };
  }

  async #readDecisions(): Promise<void> {
    const said = await this.#charm.read(`/v1/charm/events?after=${this.#decisions.at(-1)?.n ?? 0}`).catch(() => undefined);
    if (said !== undefined) this.#decisions = [...this.#decisions, ...(said as { events: readonly Decision[] }).events].slice(-limits.charmDecisions);
  }
}

function serversOf(ring: Ring | undefined, rows: ReadonlyMap<string, Snapshot["servers"][number]["figures"]>): Snapshot["servers"] {
  return (ring?.shares ?? []).map((share) => ({ ...share, figures: rows.get(share.id) ?? null }));
}
