import type { Journey } from "@ringway/client";
import { expect, test } from "vitest";
import { hops, inMs } from "./hops.ts";

const journey: Journey = { channel: "C1", x_off: 17, server: "cs-1", slot: 4, epoch: 7, gateway: "gw-1", taken: 100, received: 100.5, stored: 103, arrived: 103.25 };
const lines = (...args: Parameters<typeof hops>): string[] => hops(...args).map(({ from, to, ms }) => `${from} → ${to}: ${ms === undefined ? "?" : inMs(ms)}`);

test("an own message's hops, from this page and back to it", () => {
  expect(lines(journey, { ackMs: 6 }, 3)).toEqual([
    "this page → Envoy → gw-1: 1.50 ms",
    "gw-1 → cs-1: 0.50 ms",
    "cs-1 → durable in the store: 2.50 ms",
    "cs-1 → gw-1: 0.25 ms",
    "gw-1 → Envoy → this page: 1.50 ms",
  ]);
});

test("of somebody else's the first leg is unknown, and by the Web API the first two", () => {
  expect(lines(journey, undefined, 3).slice(0, 2)).toEqual(["the sender → Envoy → the sender’s gateway: ?", "the sender’s gateway → cs-1: 0.50 ms"]);
  expect(lines({ ...journey, taken: 0 }, undefined, undefined)).toEqual([
    "the sender → Envoy → the Web API → Envoy → cs-1: ?",
    "cs-1 → durable in the store: 2.50 ms",
    "cs-1 → gw-1: 0.25 ms",
    "gw-1 → Envoy → this page: ?",
  ]);
});

test("clocks that disagree make no negative time", () => {
  expect(lines({ ...journey, arrived: 90 }, undefined, 3)[3]).toBe("cs-1 → gw-1: 0.00 ms");
});
