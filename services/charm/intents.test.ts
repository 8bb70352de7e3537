import { expect, test } from "vitest";
import { drainOf, noIntents, withServer, withZone } from "./intents.ts";

test.each([
  [60_000, 10_000, 10_000],
  [10_000, 60_000, 10_000],
  [60_000, undefined, 60_000],
  [undefined, 10_000, 10_000],
  [undefined, undefined, undefined],
])("a server that is drained by itself (within %s ms) and with its zone (within %s ms) is empty within the shorter time", (own, ofZone, drainMs) => {
  const one = withServer(noIntents, "gw-0", { drain: true, ...(own === undefined ? {} : { drainMs: own }) });
  const both = withZone(one, "a", { drain: true, ...(ofZone === undefined ? {} : { drainMs: ofZone }) });
  expect(drainOf(both, { id: "gw-0", zone: "a" })).toEqual({ drainMs });
});
