import { expect, test } from "vitest";
import { bucketsBetween, quantile, rate, samplesOf } from "./scrape.ts";

const look = (count: number, fast: number): string => `# HELP x_seconds how long
# TYPE x_seconds histogram
x_seconds_bucket{le="0.01"} ${fast}
x_seconds_bucket{le="0.1"} ${count}
x_seconds_bucket{le="+Inf"} ${count}
x_seconds_sum 1.5
x_seconds_count ${count}
done_total ${count}
`;

test("rates and quantiles are of what happened between two looks", () => {
  const [before, now] = [samplesOf(look(100, 0)), samplesOf(look(300, 100))];
  expect(rate("done_total", before, now, 2)).toBe(100);
  const buckets = bucketsBetween("x_seconds", [[before, now]]);
  expect(buckets).toEqual(new Map([[0.01, 100], [0.1, 200], [Infinity, 200]]));
  expect(quantile(0.25, buckets)).toBeCloseTo(0.005);
  expect(quantile(0.75, buckets)).toBeCloseTo(0.055);
});

test("a process that is new, or began anew, has no rate yet", () => {
  const [before, now] = [samplesOf(look(500, 0)), samplesOf(look(3, 1))];
  expect(rate("done_total", before, now, 1)).toBe(0);
  expect(rate("done_total", samplesOf(""), now, 1)).toBe(0);
  expect(quantile(0.5, bucketsBetween("x_seconds", [[before, now]]))).toBeUndefined();
});
