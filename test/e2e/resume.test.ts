/** What a client gets that comes back: all it missed, or a gap that says what to fetch, and the rest. The plane's window is small. */
import { afterEach, expect, test } from "vitest";
import { call, connectRtm, type Frame, type Rtm } from "./client.ts";
import { disorder } from "./history.ts";
import { makeChannels } from "./operate.ts";
import { people } from "./people.ts";
import { usePlane } from "./plane.ts";
import { until } from "./wait.ts";

const window = { events: 30, ms: 4_000 };
const plane = usePlane({ env: { RINGWAY_RESUME_EVENTS: String(window.events), RINGWAY_RESUME_MS: String(window.ms) } });

const open: Rtm[] = [];
afterEach(async () => {
  for (const rtm of open.splice(0)) await rtm.close();
});

async function connect(offsets?: Record<string, number>): Promise<Rtm> {
  const rtm = await connectRtm(plane().url, people.grace.token, offsets === undefined ? {} : { offsets });
  open.push(rtm);
  return rtm;
}

async function say(channel: string, text: string): Promise<string> {
  return (await call(plane().url, people.ada.token, "chat.postMessage", { channel, text }))["ts"] as string;
}

test("who asks is told how a message travelled, hop by hop, whoever sent it and by which door", async () => {
  const told = [people.ada, people.grace].map(async ({ token }) => {
    const rtm = await connectRtm(plane().url, token, { journeys: true });
    open.push(rtm);
    return rtm;
  });
  const [ada, grace] = (await Promise.all(told)) as [Rtm, Rtm];
  const journeyOf = (rtm: Rtm, offset: number): Promise<Frame> => rtm.waitFor("the journey", (frame) => frame.type === "x_journey" && frame["channel"] === "C0GENERAL" && frame["x_off"] === offset);
  const ack = await ada.ask({ type: "message", channel: "C0GENERAL", text: "by a socket" });
  for (const rtm of [ada, grace]) {
    const { taken, received, stored, arrived, server, gateway, slot, epoch } = (await journeyOf(rtm, Number(ack["x_off"]))) as unknown as Record<string, number | string>;
    const hops = [taken, received, stored, arrived].map(Number);
    expect(hops).toEqual([...hops].sort((a, b) => a - b));
    expect(Math.abs(Date.now() - hops[0]!)).toBeLessThan(60_000);
    expect([server, gateway]).toEqual([expect.stringMatching(/^cs-\d$/), expect.stringMatching(/^gw-\d$/)]);
    expect([typeof slot, typeof epoch]).toEqual(["number", "number"]);
  }
  await say("C0GENERAL", "by the Web API");
  expect(await journeyOf(grace, Number(ack["x_off"]) + 1)).toMatchObject({ taken: 0 });
});

/** Grace sees one message and leaves. @returns her offsets and the message's ts */
async function leaveAt(channel: string): Promise<{ offsets: Record<string, number>; ts: string }> {
  const rtm = await connect();
  const ts = await say(channel, "seen");
  await rtm.waitFor("the first message", (frame) => frame.text === "seen");
  const offsets = { [channel]: rtm.offsets()[channel]! };
  await rtm.close();
  return { offsets, ts };
}

const numbers = (frames: readonly Frame[]): number[] => frames.map(({ text }) => Number(text));
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** The messages of a gap, as docs/protocol.md says that a client may fetch them. */
async function fetchGap(gap: Frame): Promise<Frame[]> {
  const { channel, oldest, latest } = gap as { channel: string; oldest: string; latest: string };
  const { messages } = await call(plane().url, people.grace.token, "conversations.history", { channel, oldest, latest, inclusive: true, limit: 1_000 });
  return (messages as Frame[]).toReversed();
}

test("within the window: exactly what was missed, in order, then what comes", async () => {
  const [channel] = (await makeChannels(plane(), 1, "inside")) as [string];
  const { offsets, ts } = await leaveAt(channel);
  for (let i = 1; i <= 20; i++) await say(channel, String(i));
  const rtm = await connect(offsets);
  await say(channel, "21");
  await rtm.waitFor("the last message", (frame) => frame.text === "21");
  const gap = rtm.frames.find((frame) => frame.type === "x_gap");
  // A machine on which this took longer than the window may tell of a gap; then it is a right one.
  const missed = gap === undefined ? [] : numbers((await fetchGap(gap)).filter((message) => message.ts !== ts));
  expect([...missed, ...numbers(rtm.messages(channel))]).toEqual(range(1, 21));
  expect(disorder(rtm.messages(channel))).toEqual([]);
});

test("more than the window holds: a gap that says what to fetch, then the newest, whole; nothing is missing", async () => {
  const [channel] = (await makeChannels(plane(), 1, "many")) as [string];
  const { offsets, ts } = await leaveAt(channel);
  const count = 3 * window.events;
  for (let i = 1; i <= count; i++) await say(channel, String(i));
  const rtm = await connect(offsets);
  await say(channel, "last");
  await rtm.waitFor("the last message", (frame) => frame.text === "last");

  const gap = await rtm.waitFor("the gap", (frame) => frame.type === "x_gap");
  expect(rtm.frames.filter((frame) => frame.type === "x_gap")).toHaveLength(1);
  expect(gap).toMatchObject({ channel, after: offsets[channel], oldest: ts });
  const shown = rtm.messages(channel).filter((frame) => frame.text !== "last");
  expect(shown.length).toBeLessThanOrEqual(window.events);
  expect(shown.map((frame) => frame.x_off)).toEqual(range((gap["head"] as number) + 1, (gap["head"] as number) + shown.length));
  const fetched = (await fetchGap(gap)).filter((message) => message.ts !== ts);
  expect(fetched.at(-1)!.ts).toBe(gap["latest"]);
  expect(fetched.at(-1)!.x_off).toBe(gap["head"]);
  expect([...numbers(fetched), ...numbers(shown)]).toEqual(range(1, count));
});

test("longer ago than the window: a gap up to what is young enough, and none where nothing was missed", async () => {
  const [channel, quiet] = (await makeChannels(plane(), 2, "old")) as [string, string];
  const unmissed = await leaveAt(quiet);
  const { offsets, ts } = await leaveAt(channel);
  for (let i = 1; i <= 5; i++) await say(channel, String(i));
  const old = Number(await say(channel, "6"));
  await until("that to be too old", () => Date.now() / 1_000 > old + (window.ms + 100) / 1_000);
  for (let i = 7; i <= 9; i++) await say(channel, String(i));
  const rtm = await connect({ ...offsets, ...unmissed.offsets });
  for (const each of [channel, quiet]) {
    await say(each, "last");
    await rtm.waitFor("the last message", (frame) => frame.text === "last" && frame.channel === each);
  }
  const [gap, ...others] = rtm.frames.filter((frame) => frame.type === "x_gap");
  expect(gap).toMatchObject({ channel, after: offsets[channel], oldest: ts });
  expect(others).toEqual([]);
  const fetched = (await fetchGap(gap!)).filter((message) => message.ts !== ts);
  const shown = rtm.messages(channel).filter((frame) => frame.text !== "last");
  expect([...numbers(fetched), ...numbers(shown)]).toEqual(range(1, 9));
  expect(fetched.length).toBeGreaterThanOrEqual(6);
  expect(rtm.messages(quiet)).toHaveLength(1);
});
