/** Metrics of a process, by name. */
export const MetricType = { counter: 0, gauge: 1, histogram: 2 } as const;

export class MetricStore {
  /** values by name; a histogram's is its last sample */
  readonly values = new Map<string, number>();
  readonly #defined: { readonly name: string; readonly type: number }[] = [];

  /** @returns the id, from 1 on; undefined for an unknown type */
  define(type: number, name: string): number | undefined {
    if (type > MetricType.histogram) return undefined;
    const at = this.#defined.findIndex((metric) => metric.name === name && metric.type === type);
    return at >= 0 ? at + 1 : this.#defined.push({ name, type });
  }

  get(id: number): { readonly name: string; readonly type: number } | undefined {
    return this.#defined[id - 1];
  }
}
