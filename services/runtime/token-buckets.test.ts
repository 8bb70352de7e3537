import fc from "fast-check";
import { expect, test } from "vitest";
import { TokenBuckets } from "./token-buckets.ts";

interface Take {
  readonly key: string;
  readonly at: number;
  /** what came of it */
  readonly wait: number;
}

/** In the time of one token. */
const pause = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(0, 0.3, 0.7) }, { weight: 3, arbitrary: fc.double({ min: 0, max: 3, noNaN: true }) }, { weight: 1, arbitrary: fc.constant(100) });
/** Takes of a few keys from one table. */
const runs = fc
  .record({
    perSecond: fc.oneof(fc.integer({ min: 1, max: 2_000 }), fc.constantFrom(1 / 60, 0.7, 33.3)),
    size: fc.integer({ min: 1, max: 8 }),
    list: fc.array(fc.record({ key: fc.constantFrom("a", "a", "b", "c"), pause }), { maxLength: 120 }),
  })
  .map(({ perSecond, size, list }) => {
    const buckets = new TokenBuckets(perSecond, size);
    const [takes, kept]: [Take[], number[]] = [[], []];
    let at = 5_000;
    for (const { key, pause } of list) {
      at += (pause * 1_000) / perSecond;
      takes.push({ key, at, wait: buckets.take(key, at) });
      kept.push(buckets.size);
    }
    return { perSecond, size, fillMs: (1_000 * size) / perSecond, at, buckets, takes, kept };
  });

test("a full bucket gives its size at once, and then one token at a time; another is another", () => {
  const buckets = new TokenBuckets(10, 3);
  expect([0, 0, 0, 0, 50, 99, 100, 100].map((at) => buckets.take("a", at))).toEqual([0, 0, 0, 100, 50, 1, 0, 100]);
  expect(buckets.take("b", 100)).toBe(0);
});

test("0 per second is no limit, and keeps nothing", () => {
  const buckets = new TokenBuckets(0, 1);
  for (let i = 0; i < 1_000; i++) expect(buckets.take("a", 0)).toBe(0);
  expect(buckets.size).toBe(0);
});

test("each key is one bucket by the plain arithmetic, whatever others do and whatever is forgotten", () => {
  fc.assert(
    fc.property(runs, ({ perSecond, size, takes }) => {
      for (const mine of Map.groupBy(takes, ({ key }) => key).values()) {
        let [tokens, since] = [size, 0];
        for (const { at, wait } of mine) {
          tokens = Math.min(size, tokens + ((at - since) * perSecond) / 1_000);
          since = at;
          // As near as that to one token it is for floating point to say.
          if (Math.abs(tokens - 1) > 0.01) expect(wait === 0).toBe(tokens > 1);
          if (wait === 0) tokens -= 1;
          else expect(wait).toBeCloseTo(Math.ceil(((1 - tokens) * 1_000) / perSecond), -1);
        }
      }
    }),
  );
});

test("who is refused gets through after the time that was named, and not before", () => {
  fc.assert(
    fc.property(runs, ({ buckets, takes, at }) => {
      for (const key of new Set(takes.map((take) => take.key))) {
        let wait = 0;
        while (wait === 0) wait = buckets.take(key, at);
        if (wait > 2) expect(buckets.take(key, at + wait - 2)).toBeGreaterThan(0);
        expect(buckets.take(key, at + wait)).toBe(0);
      }
    }),
  );
});

test("it keeps the keys of twice the time that fills a bucket, at most", () => {
  fc.assert(
    fc.property(runs, ({ fillMs, takes, kept }) => {
      for (const [i, { at }] of takes.entries()) {
        const recent = takes.slice(0, i + 1).filter((take) => take.at > at - 2 * fillMs - 1);
        expect(kept[i]).toBeLessThanOrEqual(2 * new Set(recent.map(({ key }) => key)).size);
      }
    }),
  );
});

test("a hundred thousand keys that came once are forgotten when others have come for long enough", () => {
  const buckets = new TokenBuckets(1, 5);
  for (let i = 0; i < 100_000; i++) buckets.take(`u${i}`, i / 1_000);
  expect(buckets.size).toBe(100_000);
  for (let at = 1_000; at <= 11_000; at += 1_000) buckets.take("v", at);
  expect(buckets.size).toBeLessThanOrEqual(2);
});
