import { Chart } from "./chart.tsx";
import type { Point } from "./watched.ts";

/** Five minutes of the plane, a point each second. */
export function Charts({ history }: { readonly history: readonly Point[] }) {
  const times = history.map(({ at }) => at);
  const of = (figure: (point: Point) => number | null): (number | null)[] => history.map(figure);
  return (
    <section aria-labelledby="charts">
      <h2 id="charts">Now</h2>
      <div class="charts">
        <Chart title="Throughput" unit="messages/s" times={times} series={[{ name: "stored", values: of(({ messages }) => messages) }]} />
        <Chart title="From publish to delivery" unit="ms" times={times} series={[{ name: "p50", values: of(({ p50 }) => p50) }, { name: "p99", values: of(({ p99 }) => p99) }]} />
        <Chart title="Connects and reconnects" unit="1/s" times={times} series={[{ name: "let in", values: of(({ connects }) => connects) }]} />
        <Chart title="Misdirected" unit="421/s" times={times} series={[{ name: "421", values: of(({ misdirected }) => misdirected) }]} />
        <Chart title="Takeovers" unit="slots" times={times} series={[{ name: "taken over", values: of(({ takenOver }) => takenOver) }]} />
      </div>
    </section>
  );
}
