/** Two Envoys with different epochs: one follows charm, one is held back on an old ring, and a channel still has one writer at a time. */
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { openLog } from "../../services/store/open.ts";
import type { LogStore } from "../../services/store/log.ts";
import type { Envoy } from "../filter/envoy.ts";
import { Fences } from "./fences.ts";
import { HeldFeed } from "./held-feed.ts";
import { disorder, historyOf } from "./history.ts";
import { seen, startMeshEnvoy } from "./mesh-envoy.ts";
import { makeChannels, topologyOf } from "./operate.ts";
import { people } from "./people.ts";
import { usePlane } from "./plane.ts";
import { Resuming } from "./resuming.ts";
import { until } from "./wait.ts";
import { asWebapp, showingWriter, Writers, type Taken } from "./writers.ts";

const plane = usePlane();
let feed: HeldFeed;
let ahead: Envoy;
let behind: Envoy;
let log: LogStore;

beforeAll(async () => {
  feed = await new HeldFeed(plane().registry).start();
  [ahead, behind] = await Promise.all([startMeshEnvoy(plane()), startMeshEnvoy(plane(), feed.port)]);
  log = openLog(plane().store);
});
afterAll(async () => {
  await Promise.all([ahead?.stop(), behind?.stop(), feed?.stop(), log?.close()]);
});

const epochOf = (envoy: Envoy): Promise<number> => envoy.stat("wasmcustom.ringway_epoch");
/** 421s that Envoy swallowed, and those that it passed on. */
const misdirected = async (envoy: Envoy): Promise<number> =>
  (await envoy.stat("cluster.channel.retry.upstream_rq_421")) + (await envoy.stat("cluster.channel.upstream_rq_421"));

/** What the owner says of itself, found by way of the Envoy that is ahead. */
async function ownerOf(channel: string): Promise<{ owner: string; slot: number }> {
  const response = await fetch(`http://${ahead.mesh}/v1/channels/${channel}`);
  expect(response.status).toBe(200);
  return (await response.json()) as { owner: string; slot: number };
}

async function tellCharm(path: string, wish: object): Promise<void> {
  const response = await fetch(`${plane().charm}/v1/charm/${path}`, { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify(wish) });
  expect(response.status, await response.text()).toBe(200);
}

/** Waits until every worker of an Envoy routes by an epoch or a later one: 24 answers in a row, on connections that Envoy gives to any. */
async function everyWorkerAt(envoy: Envoy, channel: string, epoch: number): Promise<void> {
  let row = 0;
  await until(`epoch ${epoch} at every worker`, async () => {
    const { headers } = await fetch(`http://${envoy.mesh}/v1/channels/${channel}`, { headers: { connection: "close" } });
    row = Number(headers.get(seen.epoch)) >= epoch ? row + 1 : 0;
    return row >= 24;
  }, 15_000, 2);
}

test("the writers of both Envoys are taken by one server at a time, whatever moves; released, the one that was held back catches up", async () => {
  const channels = await makeChannels(plane(), 6, "held");
  const [first, second, third] = channels as [string, string, string];
  const { epoch: begun } = await topologyOf(plane());
  for (const envoy of [ahead, behind]) await everyWorkerAt(envoy, first, begun);
  feed.hold();
  const old = await epochOf(behind);

  const clients = [people.ada, people.grace, people.linus].map(({ token }) => new Resuming(plane().url, token));
  onTestFinished(() => Promise.all(clients.map((client) => client.stop())).then(() => undefined));
  for (const client of clients) await client.ready();
  const slots = new Map<string, number>();
  for (const channel of channels) slots.set(channel, (await ownerOf(channel)).slot);
  const claimsBefore = new Map<string, number>();
  for (const [channel, slot] of slots) claimsBefore.set(channel, (await log.claimed(slot)).fence);
  const fences = new Fences(log, slots);
  onTestFinished(() => fences.stop());
  const refusals = { ahead: [] as string[], behind: [] as string[] };
  const writers = new Writers({ ahead: showingWriter(ahead.mesh, refusals.ahead), behind: showingWriter(behind.mesh, refusals.behind), webapp: asWebapp(behind.mesh) }, channels);
  onTestFinished(() => writers.stop());
  await writers.more(10);

  /** Changes the ring, waits until a channel is where it then belongs, and lets everybody write on. */
  const change = async (path: string, wish: object, channel: string, belongs: (owner: string) => boolean): Promise<void> => {
    await tellCharm(path, wish);
    await until(`${channel} to move after ${path} ${JSON.stringify(wish)}`, async () => belongs((await ownerOf(channel)).owner));
    await writers.more(15);
  };
  const { owner: light } = await ownerOf(first);
  await change(`servers/${light}`, { weight: 0 }, first, (owner) => owner !== light);
  await change(`servers/${light}`, { weight: null }, first, (owner) => owner === light);
  const { owner: drained } = await ownerOf(second);
  await change(`servers/${drained}`, { drain: true }, second, (owner) => owner !== drained);
  await change(`servers/${drained}`, { drain: false }, second, (owner) => owner === drained);
  const { owner: native, slot } = await ownerOf(third);
  const chosen = plane().named("channel").find((id) => id !== native)!;
  await change("pins", { pool: "channel", pins: [[slot, chosen]] }, third, (owner) => owner === chosen);
  // The pin stands: the one that is behind still asks the wrong server first.
  const told = [await misdirected(behind)];
  await writers.more(15);
  told.push(await misdirected(behind));
  const newest = await until("the newest epoch at the Envoy that follows", async () => {
    const { epoch } = await topologyOf(plane());
    return (await epochOf(ahead)) === epoch ? epoch : undefined;
  });
  const held = await epochOf(behind);
  await writers.stop();
  await fences.stop();

  // No post has failed, or its writer had thrown. A try may walk past an owner that takes the channel over just then: it is sent again, as webapp does.
  expect([...refusals.ahead, ...refusals.behind].filter((reason) => reason !== "503 unavailable" && reason !== "421 misdirected")).toEqual([]);
  let attributed = 0;
  for (const channel of channels) {
    const taken = writers.in(channel);
    await expectWhole(channel, taken);
    for (const client of clients) {
      await until(`all of ${channel} at a client`, () => client.messages(channel).length >= taken.length);
      const got = client.messages(channel);
      expect(disorder(got)).toEqual([]);
      expect(got.map(({ text }) => text)).toEqual(taken.map(({ text }) => text));
    }

    // One writer at a time: what was stored under a fence was taken by the server that held it, through whichever Envoy it came.
    for (const { offset, server } of taken) {
      const holder = fences.holderAt(channel, offset);
      if (server === undefined || holder === undefined) continue;
      expect(server, `offset ${offset} of ${channel}`).toBe(plane().addressOf(holder));
      attributed++;
    }
    // And where the fence is not known for sure: the writer changes no more often than the slot was claimed.
    const hands = writersOf(taken);
    const claims = (await log.claimed(slots.get(channel)!)).fence - claimsBefore.get(channel)!;
    expect(hands.length - 1, `${channel}: ${hands.join(" ")}`).toBeLessThanOrEqual(claims);
  }
  expect(attributed).toBeGreaterThan(writers.taken.filter(({ server }) => server !== undefined).length * 0.8);
  for (const channel of [first, second, third]) expect(writersOf(writers.in(channel)).length).toBeGreaterThan(1);
  const fencesOf = channels.map((channel) => fences.of(channel).map(({ fence }) => fence));
  for (const list of fencesOf) expect(list).toEqual(list.toSorted((a, b) => a - b));

  // It was behind all the time, and was told so.
  expect(newest).toBeGreaterThanOrEqual(old + 5);
  expect(held).toBe(old);
  expect(new Set(writers.taken.filter(({ by }) => by === "behind").map(({ epoch }) => epoch))).toEqual(new Set([old]));
  expect(Math.max(...writers.taken.map(({ epoch }) => epoch ?? 0))).toBeGreaterThanOrEqual(old + 5);
  // Of each writer's 15 the first may have been under way already, its 421 behind it.
  expect(told[1]! - told[0]!).toBeGreaterThanOrEqual(2 * 14);

  feed.release();
  await everyWorkerAt(behind, first, newest);
  expect(await epochOf(behind)).toBeGreaterThanOrEqual(newest);
  const toldLast = await misdirected(behind);
  const refused: string[] = [];
  const after = new Writers({ released: showingWriter(behind.mesh, refused) }, channels);
  await after.more(10);
  await after.stop();
  expect(refused).toEqual([]);
  expect(await misdirected(behind)).toBe(toldLast);
  for (const channel of channels) {
    expect(new Set(after.in(channel).map(({ server }) => server))).toEqual(new Set([plane().addressOf((await ownerOf(channel)).owner)]));
  }
  const hands = channels.map((channel) => writersOf(writers.in(channel)).length - 1);
  console.log(`${writers.taken.length} messages, ${attributed} of them under a known fence; ${hands.reduce((a, b) => a + b)} changes of writer; epochs ${newest} and ${old}; told 421 ${toldLast} times, tries sent again: ${refusals.ahead.length} ahead, ${refusals.behind.length} behind`);
}, 60_000);

/** The servers that took a list of messages, each once per turn. */
function writersOf(taken: readonly Taken[]): string[] {
  const known = taken.flatMap(({ server }) => (server === undefined ? [] : [server]));
  return known.filter((server, i) => server !== known[i - 1]);
}

/** Offsets without holes, rising ts, and in history and log each acked message exactly once and nothing else. */
async function expectWhole(channel: string, taken: readonly Taken[]): Promise<void> {
  const entries = await log.after(channel, 0, Number.MAX_SAFE_INTEGER);
  expect(entries.map(({ offset }) => offset)).toEqual(entries.map((_, i) => i + 1));
  const stored = entries.flatMap(({ offset, ts, payload }) => {
    const { type, text } = JSON.parse(Buffer.from(payload).toString()) as { type: string; text?: string };
    return type === "message" && text?.includes("|") ? [{ offset, ts, text }] : [];
  });
  expect(stored).toEqual(taken.map(({ offset, ts, text }) => ({ offset, ts, text })));
  const history = (await historyOf(plane().url, people.ada.token, channel)).filter(({ text }) => text?.includes("|"));
  expect(disorder(history)).toEqual([]);
  expect(history.map(({ x_off, ts, text }) => ({ offset: x_off, ts, text }))).toEqual(stored);
}
