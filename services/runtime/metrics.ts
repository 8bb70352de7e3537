/**
 * Prometheus' view of a service: what its process uses, and what it counts anyway, read when somebody asks. The only importer of `prom-client`.
 * Each service has a table of what it shows; docs/metrics.md is made from the tables.
 */
import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import type { Handler } from "./http.ts";
import { timesBoundsMs, type Times } from "./times.ts";

/** The name in a table is what follows `ringway_<service>_`; its unit comes last (`_seconds`, `_bytes`), and `_total` where it only rises. */
export interface Described {
  readonly type: "gauge" | "counter" | "histogram";
  readonly help: string;
  /** the one label, where there is one. Its values are a fixed, small set: never an ID of a channel, a user or a client */
  readonly label?: string;
}

export type Table = Readonly<Record<string, Described>>;

export const gauge = (help: string, label?: string) => ({ type: "gauge", help, ...(label === undefined ? {} : { label }) }) as const;
export const counter = (help: string, label?: string) => ({ type: "counter", help, ...(label === undefined ? {} : { label }) }) as const;
export const histogram = (help: string) => ({ type: "histogram", help }) as const;

/** A number, or one per value of the label. */
export type Value = number | Readonly<Record<string, number>>;

/** Where each figure of a table comes from. */
export type Sources<T extends Table> = { readonly [K in keyof T]: T[K]["type"] extends "histogram" ? Times : () => Value };

/** What all that follow the ring show of it. */
export const ringTable = {
  epoch: gauge("epoch of the ring in use; 0: none yet"),
  topologies_applied_total: counter("topologies taken into use"),
  topologies_rejected_total: counter("topologies refused: damaged, of another key, or older than the one in use"),
  topologies_unconfirmed_total: counter("topologies in use whose tables are others here than at charm: another build"),
} satisfies Table;

export function ringSources(epoch: () => number, counters: { readonly applied: number; readonly rejected: number; readonly unconfirmed: number }): Sources<typeof ringTable> {
  return { epoch, topologies_applied_total: () => counters.applied, topologies_rejected_total: () => counters.rejected, topologies_unconfirmed_total: () => counters.unconfirmed };
}

export class Metrics<T extends Table> {
  readonly #registry = new Registry();

  /** @param service its name in the names of all */
  constructor(service: string, table: T, sources: Sources<T>) {
    collectDefaultMetrics({ register: this.#registry });
    for (const [key, described] of Object.entries(table)) {
      const name = `ringway_${service}_${key}`;
      const source = (sources as Readonly<Record<string, Times | (() => Value)>>)[key]!;
      if (typeof source === "function") this.#add(name, described, source);
      else this.#registry.registerMetric(new TimesMetric(name, described.help, source) as unknown as Gauge);
    }
  }

  #add(name: string, { type, help, label }: Described, read: () => Value): void {
    const registers = [this.#registry];
    const labelNames = label === undefined ? [] : [label];
    const each = (add: (labels: Record<string, string>, value: number) => void): void => {
      const value = read();
      if (typeof value === "number") add({}, value);
      else for (const [one, count] of Object.entries(value)) add({ [label!]: one }, count);
    };
    new (type === "gauge" ? Gauge : Counter)({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        each((labels, value) => this.inc(labels, value));
      },
    });
  }

  /** As Prometheus reads it. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** For `GET /metrics`. */
  readonly answer: Handler = async () => ({ status: 200, headers: { "content-type": this.contentType }, body: await this.text() });
}

/** A histogram that was counted elsewhere: prom-client's own can only be observed, one value at a time. */
class TimesMetric {
  readonly name: string;
  readonly help: string;
  readonly type = "histogram";
  readonly aggregator = "sum";
  readonly #times: Times;

  constructor(name: string, help: string, times: Times) {
    this.name = name;
    this.help = help;
    this.#times = times;
  }

  async get(): Promise<object> {
    const { counts, sumMs } = this.#times;
    let sum = 0;
    const buckets = counts.map((count, i) => {
      sum += count;
      const bound = timesBoundsMs[i];
      return { metricName: `${this.name}_bucket`, labels: { le: bound === undefined ? "+Inf" : bound / 1_000 }, value: sum };
    });
    const total = { metricName: `${this.name}_count`, labels: {}, value: sum };
    return { name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values: [...buckets, { metricName: `${this.name}_sum`, labels: {}, value: sumMs / 1_000 }, total] };
  }

  reset(): void {}
}
