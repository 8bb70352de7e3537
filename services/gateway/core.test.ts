import { expect, test } from "vitest";
import { decodeLink, encodeLink } from "../protocol/link.ts";
import { nextU32 } from "./core.ts";

test("the numbers of requests go round where a link's field ends, and never come to 0", () => {
  const numbers = [0, 0xffff_fffe, 0xffff_ffff].map(nextU32);
  expect(numbers).toEqual([1, 0xffff_ffff, 1]);
  for (const req of numbers) expect(decodeLink(encodeLink({ type: "read", req, chan: req, after: 0, limit: 1, maxAgeMs: 0, maxEvents: 0 }))).toMatchObject([{ req, chan: req }]);
  expect(() => encodeLink({ type: "read", req: 0xffff_ffff + 1, chan: 1, after: 0, limit: 1, maxAgeMs: 0, maxEvents: 0 })).toThrow(RangeError);
});
