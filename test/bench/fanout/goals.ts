/** The goals of the fan-out beside what was measured. A miss is said, not hidden, and fails nothing: it is a measurement. */
import { flags } from "../../../services/gateway/config.ts";
import type { Goal } from "../goals.ts";
import type { ConnectionRow, Row } from "./report.ts";

/** More than this many ms between two latencies is no noise. */
const NOISE_MS = 1;
/** Most that the gateway gathers, ms. */
const GATHER_MS = flags["gather-ms"].default;

/** Only those of which all rows were measured. */
export function goals(rows: readonly Row[], connections: readonly ConnectionRow[]): Goal[] {
  const found: Goal[] = [];
  const row = (system: string, scenario: string, cell?: string): Row | undefined =>
    rows.find((row) => row.system === system && row.scenario === scenario && (cell === undefined || row.cell === cell) && row.failed === undefined);
  const atMost = (goal: string, limit: number, value: number | undefined, show: (value: number) => string): void => {
    if (value !== undefined) found.push({ goal, measured: show(value), passed: value <= limit });
  };
  const us = (value: number): string => `${value.toFixed(2)} µs`;

  atMost("gateway, 1 channel, 20 messages/s: ≤ 9 µs per delivery", 9, row("ringway-gateway", "single")?.cpuUs.median, us);
  atMost("gateway, 8 publishes in flight: ≤ 2.0 µs", 2, row("ringway-gateway", "burst")?.cpuUs.median, us);
  atMost("gateway, 100 channels, 64 in flight: ≤ 7 µs", 7, row("ringway-gateway", "spread")?.cpuUs.median, us);
  const idle = connections.find(({ system, scenario, cell, failed }) => system === "ringway-gateway" && scenario === "idle" && cell.startsWith("20 ") && failed === undefined);
  atMost("gateway, idle with 20 subscriptions: ≤ 20 KiB", 20, idle?.value.median, (kib) => `${kib.toFixed(1)} KiB`);

  for (const scenario of ["burst", "spread"]) {
    const one = row("ringway-gateway-third", scenario);
    const two = row("ringway-gateway-third-x2", scenario);
    if (one === undefined || two === undefined) continue;
    const ratio = two.deliveriesPerS.median / one.deliveriesPerS.median;
    found.push({ goal: `${scenario}: two gateways of a third of a core each, deliveries/s beside one`, measured: `${ratio.toFixed(2)}×`, passed: two.deliveriesPerS.min > one.deliveriesPerS.max });
  }

  const plane = row("ringway-envoy", "mixed", "100/s");
  const peers = rows.filter((row) => row.scenario === "mixed" && row.cell === "100/s" && row.system.endsWith("+envoy") && row.failed === undefined);
  const best = [...peers].sort((a, b) => a.cpuUs.median - b.cpuUs.median)[0];
  if (plane !== undefined && best !== undefined) {
    atMost(`whole plane with Envoy, 100 messages/s per socket: ≤ 0.6× ${best.system}`, 0.6, plane.cpuUs.median / best.cpuUs.median, (ratio) => `${ratio.toFixed(2)}× (${us(plane.cpuUs.median)}, ${us(best.cpuUs.median)})`);
    const fastest = Math.min(...peers.map(({ p99Ms }) => p99Ms.median));
    atMost(`the same, p99: ≤ the best peer's + ${GATHER_MS} ms of gathering`, fastest + GATHER_MS, plane.p99Ms.median, (ms) => `${ms.toFixed(1)} ms (peer ${fastest.toFixed(1)} ms)`);
  }
  const quiet = row("ringway-gateway", "mixed", "1/s");
  const quietPeer = row("ws-gathered", "mixed", "1/s");
  if (quiet !== undefined && quietPeer !== undefined) {
    atMost(`gateway at 1 message/s: no delay added (p50 within ${NOISE_MS} ms of ws-gathered)`, quietPeer.p50Ms.median + NOISE_MS, quiet.p50Ms.median, (ms) => `${ms.toFixed(2)} ms (ws-gathered ${quietPeer.p50Ms.median.toFixed(2)} ms)`);
  }
  for (const system of ["ringway-envoy", "ringway-gateway"]) {
    const few = row(system, "channels", "10 channels");
    const many = row(system, "channels", "10000 channels");
    if (few !== undefined && many !== undefined) atMost(`${system}: cost per delivery at 10,000 channels ≤ 1.3× that at 10`, 1.3, many.cpuUs.median / few.cpuUs.median, (ratio) => `${ratio.toFixed(2)}×`);
  }
  return found;
}
