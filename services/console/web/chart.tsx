import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

interface Series {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

const height = 130;
const scheme = matchMedia("(prefers-color-scheme: dark)");
const colour = (name: string) => (): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A chart of some series over the same seconds. What it shows last is beside it in words, since a canvas says nothing. */
export function Chart({ title, unit, times, series }: { readonly title: string; readonly unit: string; readonly times: readonly number[]; readonly series: readonly Series[] }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  useEffect(() => {
    const made = (plot.current = new uPlot(options(series, place.current!.clientWidth), [[], ...series.map(() => [])], place.current!));
    const sized = new ResizeObserver(() => made.setSize({ width: place.current!.clientWidth, height }));
    sized.observe(place.current!);
    const redraw = (): void => made.redraw();
    scheme.addEventListener("change", redraw);
    return () => {
      sized.disconnect();
      scheme.removeEventListener("change", redraw);
      made.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData([[...times], ...series.map(({ values }) => [...values])]), [times.at(-1)]);
  return (
    <figure>
      <figcaption>
        {title}: {series.map(({ name, values }, i) => <span key={name}><span class={`dot c${i}`} aria-hidden="true" />{name} {values.at(-1) ?? "–"} </span>)}{unit}
      </figcaption>
      <div ref={place} aria-hidden="true" />
    </figure>
  );
}

function options(series: readonly Series[], width: number): uPlot.Options {
  const axis = { stroke: colour("--dim"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
  return {
    width,
    height,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_, _least, most) => [0, Math.max(1, most * 1.1)] } },
    axes: [axis, { ...axis, size: 44 }],
    series: [{}, ...series.map(({ name }, i) => ({ label: name, stroke: colour(`--c${i}`), width: 2, points: { show: false } }))],
  };
}
