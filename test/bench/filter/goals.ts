/** The goals of the filter beside what was measured. A miss is said, not hidden, and fails nothing: it is a measurement. */
import { spread } from "../stats.ts";
import type { Fact } from "../facts.ts";
import { NOT_MEASURED, type Goal } from "../goals.ts";
import type { Row } from "./report.ts";

/** How much a figure may rise with streams or servers, beyond what the same does to native ring_hash, and still be called flat. */
const FLAT = 1.1;

/** Turns > 1 ms per 100 adoptions that a block with changes may have more than one without. Were adoption itself so long, it would be 100. */
const STALL_NOISE = 5;

export function goals(rows: readonly Row[], facts: readonly Fact[]): Goal[] {
  const of = (variant: string): readonly Row[] => rows.filter((row) => row.variant === variant);
  const ours = of("ringway");
  const at = (row: Row): string => `${row.servers} servers, ${row.streams} streams`;
  const worst = (by: (row: Row) => number): Row | undefined => [...ours].sort((a, b) => by(b) - by(a))[0];
  const ratio = (goal: string, limit: number, by: (row: Row) => number): Goal => {
    const row = worst(by);
    const values = ours.map(by);
    return {
      goal,
      measured: row === undefined ? NOT_MEASURED : `${Math.min(...values).toFixed(2)}–${by(row).toFixed(2)}×, middle ${spread(values).median.toFixed(2)}× (worst at ${at(row)})`,
      passed: row !== undefined && by(row) <= limit,
    };
  };
  const flat = (goal: string, coordinate: (row: Row) => number, fixed: (row: Row) => number): Goal => {
    const rises = (list: readonly Row[]): Map<number, number> => {
      const groups = Map.groupBy(list, fixed);
      return new Map(
        [...groups].filter(([, group]) => group.length > 1).map(([key, group]) => {
          const ordered = [...group].sort((a, b) => coordinate(a) - coordinate(b));
          return [key, (ordered.at(-1)?.cpuUs.median ?? NaN) / (ordered[0]?.cpuUs.median ?? NaN)];
        }),
      );
    };
    const native = rises(of("ring_hash"));
    const own = [...rises(ours)];
    const beside = own.map(([key, rise]) => rise / (native.get(key) ?? NaN));
    return {
      goal: `${goal} (≤ ${FLAT.toFixed(2)}× beyond native's own rise)`,
      measured: own.length === 0 ? NOT_MEASURED : own.map(([key, rise]) => `${rise.toFixed(2)}× (ring_hash ${native.get(key)?.toFixed(2)}×)`).join(", "),
      passed: own.length > 0 && beside.every((rise) => rise <= FLAT),
    };
  };
  const fact = (name: string, goal: string, passes: (value: number) => boolean): Goal[] => {
    const found = facts.find((candidate) => candidate.name === name);
    return found === undefined ? [] : [{ goal, measured: `${found.value} ${found.unit}`, passed: typeof found.value === "number" && passes(found.value) }];
  };
  return [
    ratio("≤ 1.10× native ring_hash beyond the empty filter's own cost", 1.1, (row) => row.ofRingHashBesideEmpty.median),
    ratio("≤ 1.25× native ring_hash in all", 1.25, (row) => row.ofRingHash.median),
    flat("flat in open streams", (row) => row.streams, (row) => row.servers),
    flat("flat in servers", (row) => row.servers, (row) => row.streams),
    ...fact("change visible on all workers, p99", "change visible on all workers in < 100 ms (p99)", (ms) => ms < 100),
    ...fact("worst callback at 1000 servers (emulator)", "no worker stall > 1 ms at 1,000 servers: the filter's worst callback", (us) => us <= 1_000),
    ...fact("turns of a worker's loop > 1 ms that changes add", `no worker stall > 1 ms at 1,000 servers: Envoy's own loops, beside no changes (≤ ${STALL_NOISE} is noise)`, (added) => added <= STALL_NOISE),
    ...fact("owner of an ID, 1000 servers, loop in wasm", "owner look-up ≤ 15 ns at 1,000 servers in V8", (ns) => ns <= 15),
    ...fact("slots that moved without need", "disruption exactly minimal", (moved) => moved === 0),
    ...fact("slots whose next owner was not their 2nd", "2nd = next owner 100 %", (wrong) => wrong === 0),
    ...fact("VM memory growth (emulator)", "VM memory flat over 10⁶ requests", (bytes) => bytes === 0),
  ];
}
