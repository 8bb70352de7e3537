/** Every channel's messages reach all members' sockets on both gateways, once and in one order. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { call, connectRtm, type Frame, type Rtm } from "./client.ts";
import { disorder, historyOf } from "./history.ts";
import { makeChannels } from "./operate.ts";
import { everybody, people, type Person } from "./people.ts";
import { usePlane } from "./plane.ts";
import { inParallel, until } from "./wait.ts";

const size = { channels: 50, messages: 200, sockets: 20 };
/** frames of one channel that a sender has under way at once */
const window = 8;

const plane = usePlane();
const sockets: Rtm[] = [];
let channels: string[];

beforeAll(async () => {
  channels = await makeChannels(plane(), size.channels, "delivery");
  for (let i = 0; i < size.sockets; i++) sockets.push(await connectRtm(plane().url, everybody[i % everybody.length]!.token));
}, 120_000);
afterAll(() => Promise.all(sockets.map((socket) => socket.close())));

/** What an ack told the socket that sent the message. */
interface Acked {
  readonly x_off: number;
  readonly ts: string;
  readonly text: string;
}

/** Half of the channels get their messages over sockets, two senders each; the other half by the Web API. */
async function sendAll(acks: Map<Rtm, Map<string, Acked[]>>): Promise<void> {
  const overSocket = async (socket: Rtm, channel: string, from: number): Promise<void> => {
    const numbers = Array.from({ length: size.messages / 2 }, (_, i) => from + 2 * i);
    await inParallel(window, numbers, async (number) => {
      const text = `${channel} ${number}`;
      const ack = await socket.ask({ type: "message", channel, text }, 40_000);
      if (ack.ok !== true) throw new Error(`${text}: ${JSON.stringify(ack)}`);
      const mine = acks.get(socket)!;
      mine.set(channel, [...(mine.get(channel) ?? []), { x_off: ack.x_off!, ts: ack.ts!, text }]);
    });
  };
  const overApi = async (channel: string, person: Person): Promise<void> => {
    const numbers = Array.from({ length: size.messages }, (_, i) => i);
    await inParallel(2, numbers, async (number) => {
      await call(plane().url, person.token, "chat.postMessage", { channel, text: `${channel} ${number}` });
    });
  };
  await Promise.all(
    channels.map(async (channel, i) => {
      if (i % 2 === 1) return overApi(channel, everybody[i % everybody.length]!);
      await Promise.all([overSocket(sockets[i % size.sockets]!, channel, 0), overSocket(sockets[(i + 7) % size.sockets]!, channel, 1)]);
    }),
  );
}

test("50 channels × 200 messages × 20 sockets on both gateways: nothing lost, doubled or reordered", async () => {
  const gateways = new Set(sockets.map((socket) => socket.frames.find((frame) => frame.type === "hello")!["x_gateway"]));
  expect(gateways).toEqual(new Set(plane().named("gateway")));

  const acks = new Map(sockets.map((socket) => [socket, new Map<string, Acked[]>()]));
  const started = Date.now();
  await sendAll(acks);
  const sentMs = Date.now() - started;

  // A socket gets the ack of what it sent itself, and everything else as an event.
  const expected = (socket: Rtm): number => size.channels * size.messages - [...acks.get(socket)!.values()].flat().length;
  for (const socket of sockets) {
    await until(`all messages at ${socket.user}`, () => countMessages(socket) >= expected(socket), 30_000);
  }
  console.log(`delivery: ${size.channels * size.messages} messages sent in ${sentMs} ms, at all sockets after ${Date.now() - started} ms`);

  const order = new Map<string, string[]>();
  for (const channel of channels) {
    const all = await historyOf(plane().url, people.ada.token, channel, 1_000);
    const said = all.filter((message) => message.text?.startsWith(channel));
    expect(new Set(said.map((message) => message.text)).size).toBe(size.messages);
    expect(said).toHaveLength(size.messages);
    expect(disorder(said)).toEqual([]);
    const first = said[0]!.x_off!;
    expect(said.map((message) => message.x_off)).toEqual(said.map((_, i) => first + i));
    order.set(channel, said.map(fingerprint));
  }

  for (const socket of sockets) {
    const byChannel = Map.groupBy(socket.messages(), (frame) => frame.channel!);
    for (const channel of channels) {
      const arrived = (byChannel.get(channel) ?? []).filter((frame) => frame.text?.startsWith(channel));
      expect(disorder(arrived), `order at ${socket.user}`).toEqual([]);
      const own = acks.get(socket)!.get(channel) ?? [];
      const together = [...arrived, ...own].sort((a, b) => a.x_off! - b.x_off!).map(fingerprint);
      expect(together, `${channel} at ${socket.user}`).toEqual(order.get(channel));
    }
  }
}, 120_000);

test("each of these messages is counted, with the time that it took, and no stranger can see it", async () => {
  const { processes } = await plane().file();
  const total = async (role: string, metric: string): Promise<number[]> => {
    const texts = await Promise.all(processes.filter((one) => one.role === role).map(async ({ address }) => (await fetch(`http://${address}/metrics`)).text()));
    return texts.map((text) => Number(new RegExp(`^${metric} (\\S+)$`, "m").exec(text)?.[1]));
  };
  const messages = size.channels * size.messages;
  const published = await total("channel", "ringway_channel_published_total");
  expect(published.reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(messages);
  for (const metric of ["ringway_gateway_delivery_seconds_count", "ringway_gateway_events_total"]) {
    for (const count of await total("gateway", metric)) expect(count, metric).toBeGreaterThanOrEqual(messages);
  }
  const [sum, count] = [(await total("gateway", "ringway_gateway_delivery_seconds_sum"))[0]!, (await total("gateway", "ringway_gateway_delivery_seconds_count"))[0]!];
  console.log(`delivery: ${((1_000 * sum) / count).toFixed(1)} ms from a message's ts to its readers' sockets, on the average of ${count}`);
  expect(sum).toBeGreaterThan(0);
  for (const role of ["channel", "gateway", "presence", "webapp", "charm"]) expect(await total(role, "process_start_time_seconds"), role).not.toContain(NaN);
  for (const path of ["/metrics", "/METRICS/", "//metrics"]) expect((await fetch(`${plane().url}${path}`)).status, path).toBe(404);
});

function countMessages(socket: Rtm): number {
  let count = 0;
  for (const frame of socket.frames) if (frame.type === "message" && frame.text?.includes(" ") === true) count++;
  return count;
}

function fingerprint({ x_off, ts, text }: Pick<Frame, "x_off" | "ts" | "text">): string {
  return `${x_off} ${ts} ${text}`;
}
