import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { pools, type Server, type ServerState, type Topology } from "../protocol/topology.ts";
import { DEV_KEY } from "../ring/key.ts";
import { loadRingModule, type RingModule, type RingView } from "../ring/ring.ts";
import { leftToMove, moved, nextStep } from "./steps.ts";

const SLOTS = 65_536;
let module: RingModule;
beforeAll(async () => void (module = await loadRingModule(DEV_KEY)));

const server = (id: string, weight = 100, state: ServerState = "up"): Server => ({ id, addr: `10.0.0.${Number(id.slice(3)) + 1}:7000`, zone: "", weight, state });
const describeStep = (servers: readonly Server[]): string => servers.map(({ id, weight, state }) => `${id}=${state}*${weight}`).join(" ");

/** The ring itself, all looked up. */
function ringOf(servers: readonly Server[]): RingView {
  const none = { servers: [], pins: [], tableDigest: "0".repeat(16) };
  const others = Object.fromEntries(pools.map((pool) => [pool, none])) as unknown as Topology["pools"];
  const view = module.build({ v: 1, epoch: 1, keyId: module.keyId, pools: { ...others, channel: { ...none, servers } } });
  view.fill("channel", SLOTS);
  return view;
}

/** Slots that really have another owner with each of these lists than with the one before. */
function reallyMoved(...lists: readonly (readonly Server[])[]): number[] {
  const views = lists.map(ringOf);
  const counts = views.slice(1).map((view, i) => view.moved(views[i]!, "channel"));
  for (const view of views) view.dispose();
  return counts;
}

/** All steps from the one to the other. */
function walk(now: readonly Server[], wanted: readonly Server[], share: number): (readonly Server[])[] {
  const steps: (readonly Server[])[] = [];
  for (let at = now; JSON.stringify(at) !== JSON.stringify(wanted); ) {
    at = nextStep(at, wanted, share);
    steps.push(at);
    if (steps.length > 2_000) throw new Error(`no end from ${describeStep(now)} to ${describeStep(wanted)}`);
  }
  return steps;
}

const three = [server("cs-0"), server("cs-1"), server("cs-2")];

describe("the next step", () => {
  test("of a drain takes the weight away by degrees, and ends with the wanted state and the operator's weight", () => {
    const wanted = [three[0]!, server("cs-1", 100, "draining"), three[2]!];
    expect(walk(three, wanted, 0.05).map(describeStep)).toMatchInlineSnapshot(`
      [
        "cs-0=up*100 cs-1=up*81 cs-2=up*100",
        "cs-0=up*100 cs-1=up*64 cs-2=up*100",
        "cs-0=up*100 cs-1=up*49 cs-2=up*100",
        "cs-0=up*100 cs-1=up*36 cs-2=up*100",
        "cs-0=up*100 cs-1=up*24 cs-2=up*100",
        "cs-0=up*100 cs-1=up*13 cs-2=up*100",
        "cs-0=up*100 cs-1=up*3 cs-2=up*100",
        "cs-0=up*100 cs-1=draining*100 cs-2=up*100",
      ]
    `);
    expect(nextStep(three, wanted, 1)).toBe(wanted);
  });

  test("of a join begins at nothing, and so does the way back of one that was down or drained", () => {
    const steps = walk(three.slice(0, 2), three, 0.05).map(describeStep);
    expect(steps).toMatchInlineSnapshot(`
      [
        "cs-0=up*100 cs-1=up*100 cs-2=up*9",
        "cs-0=up*100 cs-1=up*100 cs-2=up*19",
        "cs-0=up*100 cs-1=up*100 cs-2=up*31",
        "cs-0=up*100 cs-1=up*100 cs-2=up*44",
        "cs-0=up*100 cs-1=up*100 cs-2=up*58",
        "cs-0=up*100 cs-1=up*100 cs-2=up*74",
        "cs-0=up*100 cs-1=up*100 cs-2=up*93",
        "cs-0=up*100 cs-1=up*100 cs-2=up*100",
      ]
    `);
    for (const state of ["down", "draining"] as const) expect(walk([...three.slice(0, 2), server("cs-2", 100, state)], three, 0.05).map(describeStep)).toEqual(steps);
  });

  test("does at once what is no matter of pace", () => {
    const down = [three[0]!, server("cs-1", 100, "down"), three[2]!];
    expect(nextStep(three, down, 0)).toEqual(down);
    expect(nextStep(three, three.slice(1), 0)).toEqual(three.slice(1));
    const elsewhere = [{ ...three[0]!, addr: "10.9.9.9:7000" }, three[1]!, three[2]!];
    expect(nextStep(three, elsewhere, 0)).toEqual(elsewhere);
    expect(nextStep([], three, 0)).toEqual(three);
    expect(nextStep([server("cs-0", 100, "down")], three, 0)).toEqual(three);
    // While the one goes at once, the other waits for its step.
    expect(describeStep(nextStep(three, [three[0]!, server("cs-1", 100, "down"), server("cs-2", 300)], 0))).toBe("cs-0=up*100 cs-1=down*100 cs-2=up*100");
    expect(describeStep(nextStep(three.slice(0, 2), three, 0))).toBe("cs-0=up*100 cs-1=up*100");
    for (const state of ["down", "draining"] as const) expect(describeStep(nextStep([...three.slice(0, 2), server("cs-2", 70, state)], three, 0))).toBe(`cs-0=up*100 cs-1=up*100 cs-2=${state}*70`);
  });

  test("is one unit of weight where that is more than the share already", () => {
    const coarse = [server("cs-0", 1), server("cs-1", 2)];
    expect(walk(coarse, [server("cs-0", 1), server("cs-1", 2, "draining")], 0.05).map(describeStep)).toEqual(["cs-0=up*1 cs-1=up*1", "cs-0=up*1 cs-1=draining*2"]);
    // And of one server, though others have as far to go.
    const pair = [server("cs-0", 1), server("cs-1", 2), server("cs-2", 2)];
    expect(walk(pair, [server("cs-0", 1), server("cs-1", 1), server("cs-2", 1)], 0.05).map(describeStep)).toEqual(["cs-0=up*1 cs-1=up*1 cs-2=up*2", "cs-0=up*1 cs-1=up*1 cs-2=up*1"]);
  });

  test("goes on from the middle of another one's way", () => {
    const half = [server("cs-0"), server("cs-1", 40), server("cs-2")];
    const steps = walk(half, three, 0.05);
    expect(steps.every((list) => list[1]!.weight > 40)).toBe(true);
    expect(leftToMove(half, three)).toBeCloseTo(1 / 3 - 40 / 240);
    expect(leftToMove(three, three)).toBe(0);
  });
});

const weight = fc.integer({ min: 20, max: 400 });
const state = fc.constantFrom<ServerState>("up", "up", "up", "draining", "down");
const pool = fc.integer({ min: 2, max: 9 }).chain((n) => fc.tuple(...Array.from({ length: n }, () => fc.record({ weight, state, wantedWeight: weight, wantedState: state, known: fc.integer({ min: 0, max: 5 }), wanted: fc.integer({ min: 0, max: 8 }) }))));

test("the share that moves is known from the weights alone", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(weight, weight), { minLength: 2, maxLength: 9 }), (pairs) => {
      const before = pairs.map(([w], i) => server(`cs-${i}`, w));
      const after = pairs.map(([, w], i) => server(`cs-${i}`, w));
      const share = moved(pairs.map(([w]) => w), pairs.map(([, w]) => w));
      // Five standard deviations.
      expect(Math.abs(reallyMoved(before, after)[0]! - share * SLOTS)).toBeLessThan(5 * Math.sqrt(share * (1 - share) * SLOTS) + 1);
    }),
    { numRuns: 40 },
  );
});

test("no step moves more than its share on the real ring, each is on the way, and the last one ends it", () => {
  fc.assert(
    fc.property(pool, fc.constantFrom(0.05, 0.05, 0.2), (list, share) => {
      const now = list.flatMap(({ weight, state, known }, i) => (known > 0 ? [server(`cs-${i}`, weight, state)] : []));
      const wanted = list.flatMap(({ wantedWeight, wantedState, wanted }, i) => (wanted > 0 ? [server(`cs-${i}`, wantedWeight, wantedState)] : []));
      const total = leftToMove(now, wanted);
      const steps = walk(now, wanted, share);
      // What goes at once (down, gone) is not counted: the way begins after it.
      const begin = nextStep(now, wanted, 0);
      const anybody = begin.some((one) => one.state === "up" && one.weight > 0) && wanted.some((one) => one.state === "up" && one.weight > 0);
      if (anybody) expect(Math.max(0, ...reallyMoved(begin, ...steps))).toBeLessThanOrEqual(share * SLOTS + 0.002 * SLOTS + coarse(begin, wanted));
      expect(steps.length).toBeLessThanOrEqual(Math.ceil((2 * total) / share) + 3);
    }),
    { numRuns: 20 },
  );
});

/** Slots that one unit of weight more or less moves: where a step is no finer, it is this. */
function coarse(now: readonly Server[], wanted: readonly Server[]): number {
  const total = now.reduce((sum, { state, weight }) => sum + (state === "up" ? weight : 0), 0);
  return total < 400 ? (SLOTS * wanted.length) / Math.max(total, 1) : 0;
}
