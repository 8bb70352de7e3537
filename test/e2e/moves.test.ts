/** Slots that move while messages flow: a drain, another weight, and an owner that is stopped and wakes up. */
import { afterEach, expect, test } from "vitest";
import { drain, makeChannels, ownerOf, rebalanced, topologyOf, weigh } from "./operate.ts";
import { isAlive, usePlane } from "./plane.ts";
import { Traffic } from "./traffic.ts";
import { until } from "./wait.ts";

const plane = usePlane();
let traffic: Traffic | undefined;

/** @returns beganAt: until then nothing moved */
async function flow(name: string): Promise<{ traffic: Traffic; channels: string[]; owner: string; beganAt: number }> {
  const channels = await makeChannels(plane(), 8, name);
  traffic = new Traffic(plane(), channels);
  await traffic.begin();
  await traffic.more(20);
  console.log(`${name}: longest wait for an ack before it, ${Math.round(traffic.stallMs())} ms`);
  return { traffic, channels, owner: await ownerOf(plane(), channels[0]!), beganAt: performance.now() };
}

afterEach(async () => {
  await traffic?.end();
  traffic = undefined;
});

const shareOf = async (server: string): Promise<string> => {
  const { state, weight } = (await topologyOf(plane())).pools.channel.servers.find(({ id }) => id === server)!;
  return `${state} ${weight}`;
};

test("a drain of a channel server and its way back, by steps: no publication is refused", async () => {
  const { traffic, channels, owner, beganAt } = await flow("drain");
  await drain(plane(), owner, true);
  const away = await rebalanced(plane());
  expect(await shareOf(owner)).toBe("draining 100");
  expect(await Promise.all(channels.map((channel) => ownerOf(plane(), channel)))).not.toContain(owner);
  await traffic.more(20);
  await drain(plane(), owner, false);
  const back = await rebalanced(plane());
  expect(await ownerOf(plane(), channels[0]!)).toBe(owner);
  await traffic.more(20);
  await traffic.check();
  report(`drain in ${away} steps, undrain in ${back}`, traffic, beganAt);
  // A third of the slots, at most 5 % at a time.
  expect(Math.min(away, back)).toBeGreaterThanOrEqual(6);
  expect(traffic.refusals).toEqual([]);
  expect(traffic.stallMs(undefined, beganAt)).toBeLessThan(3_000);
}, 60_000);

test("another weight, by steps: no publication is refused", async () => {
  const { traffic, owner, beganAt } = await flow("weigh");
  await weigh(plane(), owner, 20);
  const down = await rebalanced(plane());
  expect(await shareOf(owner)).toBe("up 20");
  await weigh(plane(), owner, null);
  const up = await rebalanced(plane());
  expect(await shareOf(owner)).toBe("up 100");
  await traffic.more(10);
  await traffic.check();
  report(`weight 100 → 20 in ${down} steps, back in ${up}`, traffic, beganAt);
  expect(traffic.refusals).toEqual([]);
  expect(traffic.stallMs(undefined, beganAt)).toBeLessThan(3_000);
}, 60_000);

test("an owner that is stopped for 10 s and wakes up acks nothing that is not kept, and nothing of it comes twice", async () => {
  const { traffic, channels, owner, beganAt } = await flow("pause");
  const pid = await plane().kill(owner, "SIGSTOP");
  const stoppedAt = performance.now();
  const woken = until("10 s to pass", () => performance.now() - stoppedAt > 10_000).then(() => isAlive(pid) && process.kill(pid, "SIGCONT"));
  // The others go on with its channels meanwhile.
  await traffic.more(20);
  const resumedMs = performance.now() - stoppedAt;
  await woken;
  await until("the owner to be the owner again", async () => (await ownerOf(plane(), channels[0]!)) === owner, 30_000);
  await traffic.more(20);
  await traffic.check();
  report(`owner stopped for 10 s; all channels had 20 more acks after ${Math.round(resumedMs)} ms`, traffic, beganAt);
  expect(traffic.stallMs(undefined, beganAt)).toBeLessThan(15_000);
}, 90_000);

function report(what: string, traffic: Traffic, beganAt: number): void {
  const { acked, refusals } = traffic;
  console.log(`${what}: ${acked.length} messages acked, longest wait for an ack ${Math.round(traffic.stallMs(undefined, beganAt))} ms, ${refusals.length} sent again`);
}
