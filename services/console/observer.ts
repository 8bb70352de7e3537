/** One look at everything that the console shows. */
import { readEnvoy } from "../observe/envoy.ts";
import type { EnvoyFigures, Row } from "../observe/figures.ts";
import { compare, keyOf, scrape, type Scrape } from "../observe/look.ts";
import { limits } from "../protocol/limits.ts";
import type { Decision } from "../protocol/operator.ts";
import type { CharmDoor } from "./charm.ts";
import { readEvents, readStatus } from "./charm-says.ts";
import type { CurrentRing, Ring } from "./current-ring.ts";
import { type Kept, LastAnswers } from "./last-answers.ts";
import type { EnvoyView, Snapshot } from "./snapshot.ts";

/** A look that is older says nothing of a rate now, nor of a peer that does not answer. */
const staleMs = 10_000;
/** Who has not answered by then is late: one slow peer must not slow the look for all. */
const answerMs = 800;

interface Before {
  readonly at: number;
  readonly scrape: Scrape;
  /** Envoy's URL → 421s so far */
  readonly misdirected: ReadonlyMap<string, number | null>;
}

interface Scraped {
  readonly ring: Ring | undefined;
  readonly found: Scrape;
  readonly at: number;
}

export class Observer {
  readonly #charm: CharmDoor;
  readonly #ring: CurrentRing;
  readonly #envoyUrls: readonly string[];
  readonly #lastRows = new LastAnswers<Row>(staleMs);
  readonly #lastEnvoys = new LastAnswers<EnvoyFigures>(staleMs);
  #before: Before = { at: -Infinity, scrape: new Map(), misdirected: new Map() };
  #decisions: readonly Decision[] = [];

  constructor(charm: CharmDoor, ring: CurrentRing, envoyUrls: readonly string[]) {
    this.#charm = charm;
    this.#ring = ring;
    this.#envoyUrls = envoyUrls;
  }

  /** One at a time. Who does not answer is shown so, and is no error. */
  async look(): Promise<Snapshot> {
    const envoysRead = Promise.all(this.#envoyUrls.map((url) => readEnvoy(url, answerMs)));
    const [{ ring, found, at }, charm, envoys] = await Promise.all([this.#scrape(), this.#readCharm(), envoysRead, this.#readDecisions()]);
    const targets = targetsOf(ring);
    const isFresh = at - this.#before.at < staleMs;
    const seconds = isFresh ? (at - this.#before.at) / 1_000 : 1;
    const { servers, missing: _, ...figures } = compare(targets, isFresh ? this.#before.scrape : new Map(), found, seconds);
    const rows = this.#lastRows.take(targets.map(keyOf), new Map(servers.map((row) => [keyOf(row), row])), at);
    const views = this.#viewsOf(envoys, isFresh ? seconds : undefined, at);
    this.#before = { at, scrape: found, misdirected: new Map(envoys.map(({ url, misdirected }) => [url, misdirected])) };
    return { at: Date.now(), epoch: ring?.view.epoch ?? null, charm, servers: serversOf(ring, rows), figures, envoys: views, decisions: this.#decisions };
  }

  /** As soon as the ring is known, beside all else. */
  async #scrape(): Promise<Scraped> {
    const ring = await this.#ring.read({ timeoutMs: answerMs }).catch(() => undefined);
    const found = await scrape(targetsOf(ring), answerMs);
    return { ring, found, at: performance.now() };
  }

  /** @param seconds since the look before; undefined = that says nothing of now */
  #viewsOf(envoys: readonly EnvoyFigures[], seconds: number | undefined, at: number): EnvoyView[] {
    const answered = envoys.filter(({ misdirected }) => misdirected !== null);
    const last = this.#lastEnvoys.take(this.#envoyUrls, new Map(answered.map((envoy) => [envoy.url, envoy])), at);
    const misdirectedPer = (url: string, now: number | null): number | null => {
      const before = this.#before.misdirected.get(url);
      return seconds === undefined || now === null || before === undefined || before === null ? null : Math.round((10 * Math.max(0, now - before)) / seconds) / 10;
    };
    return envoys.map((envoy) => ({ ...(last.get(envoy.url)?.answer ?? envoy), stale: envoy.misdirected === null, misdirected_per_second: misdirectedPer(envoy.url, envoy.misdirected) }));
  }

  async #readCharm(): Promise<Snapshot["charm"]> {
    return readStatus(await this.#charm.read("/v1/charm/status", { timeoutMs: answerMs }).catch(() => undefined));
  }

  async #readDecisions(): Promise<void> {
    const said = await this.#charm.read(`/v1/charm/events?after=${this.#decisions.at(-1)?.n ?? 0}`, { timeoutMs: answerMs }).catch(() => undefined);
    this.#decisions = [...this.#decisions, ...(readEvents(said) ?? [])].slice(-limits.charmDecisions);
  }
}

function targetsOf(ring: Ring | undefined): Ring["shares"] {
  return (ring?.shares ?? []).filter(({ state }) => state !== "down");
}

function serversOf(ring: Ring | undefined, rows: ReadonlyMap<string, Kept<Row>>): Snapshot["servers"] {
  return (ring?.shares ?? []).map((share) => {
    const kept = rows.get(keyOf(share));
    return { ...share, figures: kept?.answer ?? null, stale: kept?.stale ?? true };
  });
}
