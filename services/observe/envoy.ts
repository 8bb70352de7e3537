/** What an Envoy's admin port says of its ring. */
import { ask } from "../runtime/request.ts";
import type { EnvoyFigures } from "./figures.ts";

/** The filter's gauges, and Envoy's own count of 421s (decision 7): retried ones and those that reached the caller. */
const wanted = "ringway|upstream_rq_421";

/** @param url of the admin port, http://host:port */
export async function readEnvoy(url: string, timeoutMs: number): Promise<EnvoyFigures> {
  const answer = await ask(`${url}/stats?filter=${encodeURIComponent(wanted)}`, { timeoutMs }).catch(() => undefined);
  return figuresOf(url, answer?.status === 200 ? answer.bytes.toString("utf8") : undefined);
}

/** @param text lines `name: value`; undefined = no answer */
export function figuresOf(url: string, text: string | undefined): EnvoyFigures {
  if (text === undefined) return { url, epoch: null, ring_age_ms: null, misdirected: null };
  const stats = new Map(text.split("\n").flatMap((line) => {
    const found = /^(\S+): (\d+)$/.exec(line);
    return found === null ? [] : [[found[1]!, Number(found[2])] as const];
  }));
  const misdirected = [...stats].filter(([name]) => /^cluster\.(?:channel|presence|gateway)\.(?:retry\.)?upstream_rq_421$/.test(name)).reduce((sum, [, value]) => sum + value, 0);
  return { url, epoch: stats.get("wasmcustom.ringway_epoch") || null, ring_age_ms: stats.get("wasmcustom.ringway_feed_age_ms") ?? null, misdirected };
}
