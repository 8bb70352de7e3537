/** `npm run bench` with tiny numbers: that it measures, and that it sees what goes wrong. */
import { afterEach, describe, expect, test } from "vitest";
import { Bench } from "./bench.ts";
import { measure } from "./cells.ts";
import { goals } from "./goals.ts";
import { Latencies } from "./load/latencies.ts";
import { Ledger } from "./load/ledger.ts";
import { IdReader, Payload } from "./load/payload.ts";
import { rowOf } from "./report.ts";
import type { Shape } from "./shape.ts";
import { ringwayGateway } from "./systems/ringway-gateway.ts";
import { wsGathered } from "./systems/ws.ts";

const shape: Shape = { groups: 2, socketsPerGroup: 3, channelsPerGroup: 4 };
const benches: Bench[] = [];
afterEach(async () => void (await Promise.all(benches.splice(0).map((bench) => bench.stop()))));

test("measures systems side by side: everything is delivered, and it costs something; one that breaks does not end the others", async () => {
  benches.push(...(await Promise.all([ringwayGateway, wsGathered].map((system) => Bench.start(system)))));
  const effort = { rounds: 2, ms: 100, warmUpMs: 20, firstWarmUpMs: 20 };
  for (const pace of [{ inFlight: 8 }, { perSecond: 200, random: true }]) {
    for (const [{ system }, runs] of await measure(benches, { label: "tiny", shape, pace }, effort)) {
      if ("failed" in runs) throw new Error(`${system.name}: ${runs.failed}`);
      expect(runs).toHaveLength(2);
      for (const run of runs) expect(run.deliveries).toBe(run.published * shape.socketsPerGroup);
      const { cpuUs, p50Ms, p999Ms } = rowOf("tiny", "tiny", system.name, runs);
      expect(cpuUs.min).toBeGreaterThan(0);
      expect(p50Ms.min).toBeGreaterThan(0);
      expect(p999Ms.median).toBeGreaterThanOrEqual(p50Ms.median);
    }
  }
  const [sound, broken] = benches as [Bench, Bench];
  process.kill(broken.parts[0]!.pid, "SIGKILL");
  const measured = await measure([broken, sound], { label: "tiny", shape, pace: { inFlight: 1 } }, { ...effort, rounds: 1 });
  expect(measured.get(broken)).toEqual({ failed: expect.any(String) as string });
  expect(measured.get(sound)).toHaveLength(1);
}, 30_000);

describe("the ledger", () => {
  const ledger = () => new Ledger(shape, new Latencies(), () => {});

  test("takes each message once and in order from each subscriber", () => {
    const book = ledger();
    const [one, two, three, other] = [book.subscriber(0), book.subscriber(0), book.subscriber(0), book.subscriber(1)];
    const ids = [book.publish(0, 1), book.publish(0, 1), book.publish(3, 1), book.publish(4, 1)] as [number, number, number, number];
    for (const id of [ids[0], ids[2], ids[1]]) for (const seen of [one, two, three]) book.deliver(seen, id, 2);
    book.deliver(other, ids[3], 2);
    expect([book.fault, book.deliveries, book.open]).toEqual([undefined, 10, 1]);
  });

  test.each([
    ["twice", [1, 1], "twice"],
    ["in another order", [2], "1 was missing"],
    ["that nobody published", [77], "not in its channel"],
    ["of another group's channel", [4], "not in its channel"],
  ])("finds a message that comes %s", (_, ids, fault) => {
    const book = ledger();
    const seen = book.subscriber(0);
    for (const channel of [0, 0, 1, 5]) book.publish(channel, 1);
    for (const id of ids) book.deliver(seen, id, 2);
    expect(book.fault).toMatch(fault === "1 was missing" ? /missing/ : fault);
  });
});

test("an ID is read wherever the system puts it", () => {
  const reader = new IdReader();
  for (const [before, id] of [["", 1], ['{"text":"', 123_456_789], ['{"text":"', 7], ["MSG C1 1 128\r\n", 42]] as const) {
    const data = Buffer.concat([Buffer.from(`..${before}`), new Payload().of(id)]);
    expect(reader.read(data, 2, data.length)).toBe(id);
  }
  const hello = Buffer.from('{"type":"hello"}');
  expect(reader.read(hello, 0, hello.length)).toBe(0);
});

test("latencies are told to 10 µs", () => {
  const latencies = new Latencies();
  for (let i = 1; i <= 1_000; i++) latencies.add(i / 10);
  const { p50Ms, p99Ms, p999Ms, maxMs } = latencies.summary();
  expect(p50Ms).toBeCloseTo(50, 1);
  expect(p99Ms).toBeCloseTo(99, 1);
  expect(p999Ms).toBeCloseTo(99.9, 1);
  expect(maxMs).toBe(100);
});

test("goals are those of the issue, and only where they were measured", () => {
  const at = (value: number) => ({ median: value, min: value, max: value });
  const row = (scenario: string, us: number) => ({ scenario, cell: "", system: "ringway-gateway", cpuUs: at(us), byProcess: {}, deliveriesPerS: at(1), p50Ms: at(1), p99Ms: at(1), p999Ms: at(1), loadShare: at(0) });
  expect(goals([row("single", 9), row("burst", 2.1)], []).map(({ passed }) => passed)).toEqual([true, false]);
});
