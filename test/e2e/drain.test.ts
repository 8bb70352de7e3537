/** A gateway that is drained sends its clients to the others at the rate that these can take, and nobody misses anything. */
import { afterEach, expect, test } from "vitest";
import { peakWithin } from "../hosts/figures.ts";
import { call, type Frame } from "./client.ts";
import { disorder } from "./history.ts";
import { drain, gatewayOf, makeChannels } from "./operate.ts";
import { everybody, people, type Person } from "./people.ts";
import { usePlane } from "./plane.ts";
import { Resuming } from "./resuming.ts";
import { inParallel, until } from "./wait.ts";

const rate = 20;
const sockets = 60;
const plane = usePlane({ env: { RINGWAY_RECONNECTS_PER_SECOND: String(rate) } });

const clients: Resuming[] = [];
afterEach(() => Promise.all(clients.splice(0).map((client) => client.stop())));

const gatewayIn = (frames: readonly Frame[]): string => frames.find(({ type }) => type === "hello")!["x_gateway"] as string;

test(`${sockets} sockets leave a drained gateway at ${rate} per second, are served until they do, and miss nothing`, async () => {
  const [channel] = (await makeChannels(plane(), 1, "drain")) as [string];
  const victim = await gatewayOf(plane(), people.ada);
  const there: Person[] = [];
  for (const person of everybody) if ((await gatewayOf(plane(), person)) === victim) there.push(person);
  await inParallel(8, Array.from({ length: sockets }), async (_, i) => {
    const client = new Resuming(plane().url, there[i % there.length]!.token, { paced: i % 2 === 0 });
    clients.push(client);
    await client.ready();
  });
  for (const client of clients) expect(gatewayIn((await client.ready()).frames)).toBe(victim);

  const said: string[] = [];
  let talking = true;
  const talk = (async () => {
    while (talking) {
      const text = `drain ${said.length}`;
      await call(plane().url, people.linus.token, "chat.postMessage", { channel, text, client_msg_id: text });
      said.push(text);
      await new Promise((done) => setTimeout(done, 20));
    }
  })();
  await until("the first messages", () => said.length > 3);
  const olds = await Promise.all(clients.map((client) => client.ready()));

  const began = performance.now();
  await drain(plane(), victim, true);
  try {
    await until("all to be elsewhere", () => clients.every((client) => client.connections === 2 && client.connected), 30_000);
    const hellos = clients.map((client) => client.helloAt[1]!);
    talking = false;
    await talk;
    await until("all messages everywhere", () => clients.every((client) => client.messages(channel).length >= said.length));
    for (const client of clients) {
      expect(gatewayIn((await client.ready()).frames)).not.toBe(victim);
      expect(client.messages(channel).map(({ text }) => text)).toEqual(said);
      expect(disorder(client.messages(channel))).toEqual([]);
      expect(client.frames.some(({ type }) => type === "x_gap")).toBe(false);
    }
    // Who waits for its turn is served meanwhile.
    const waited = olds.filter((rtm) => (rtm.frames.find(({ type }) => type === "goodbye")!["x_delay_ms"] as number) > 1_500);
    expect(waited.length).toBeGreaterThan(10);
    for (const { frames } of waited) expect(frames.slice(frames.findIndex(({ type }) => type === "goodbye")).filter(({ type }) => type === "message").length).toBeGreaterThan(5);

    const peak = peakWithin(hellos, 1_000);
    const tookMs = Math.max(...hellos) - began;
    console.log(`drain of ${sockets} sockets at ${rate}/s: at most ${peak} hellos within a second, all within ${Math.round(tookMs)} ms, ${said.length} messages meanwhile`);
    // The turns themselves are exact (services/gateway/state.test.ts); how long a client then takes is the machine's affair.
    expect(peak).toBeLessThanOrEqual(rate * 1.5);
    expect(tookMs).toBeGreaterThan((1_000 * (sockets - rate)) / rate);
    const status = (await (await fetch(`http://${plane().addressOf(victim)}/v1/status`)).json()) as { sessions: number; draining: boolean };
    expect(status).toMatchObject({ sessions: 0, draining: true });
  } finally {
    talking = false;
    await talk;
    await drain(plane(), victim, false);
  }
}, 90_000);
