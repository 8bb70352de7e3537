/** The client that is shipped (client/), against a plane whose servers are killed and drained under it. */
import { afterEach, expect, test } from "vitest";
import { RingwayClient, type MessageEvent, type State } from "../../client/src/index.ts";
import { drain, makeChannels } from "./operate.ts";
import { people } from "./people.ts";
import { usePlane } from "./plane.ts";
import { until } from "./wait.ts";

const plane = usePlane();
const clients: RingwayClient[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

/** A client that is connected, what it was shown, and the gateways that it was at. */
async function connected(token: string | (() => string)): Promise<{ client: RingwayClient; shown: MessageEvent[]; gateways: string[] }> {
  const client = new RingwayClient({ url: plane().url, token });
  clients.push(client);
  const shown: MessageEvent[] = [];
  const gateways: string[] = [];
  client.on("message", (message) => shown.push(message));
  client.on("state", (state) => state.phase === "connected" && gateways.push(state.gateway));
  client.connect();
  await until("the client to be connected", () => client.state.phase === "connected");
  return { client, shown, gateways };
}

test("a gateway and a channel server are killed while one sends and another reads: each message is acked once, and shown once and in order", async () => {
  const [channel] = await makeChannels(plane(), 1, "client-kills");
  const ada = await connected(people.ada.token);
  const grace = await connected(people.grace.token);
  const texts = Array.from({ length: 300 }, (_, i) => `message ${i}`);
  const acks: Promise<{ offset: number }>[] = [];
  for (const [i, text] of texts.entries()) {
    acks.push(ada.client.send(channel!, text));
    if (i === 80) await plane().kill(ada.gateways.at(-1)!);
    if (i === 160) await plane().kill("cs-0");
    if (i === 220) await plane().kill(grace.gateways.at(-1)!);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const offsets = (await Promise.all(acks)).map(({ offset }) => offset);
  expect(new Set(offsets).size).toBe(texts.length);
  await until("all at the reader", () => grace.shown.filter((message) => message.channel === channel).length >= texts.length);
  const seen = grace.shown.filter((message) => message.channel === channel);
  expect(seen.map(({ x_off }) => x_off)).toEqual(offsets.toSorted((a, b) => a - b));
  expect(new Set(seen.map(({ text }) => text))).toEqual(new Set(texts));
  expect(ada.gateways.length + grace.gateways.length).toBeGreaterThan(2);
}, 60_000);

test("a client leaves a drained gateway in its turn, without a moment in which it could not send", async () => {
  const [channel] = await makeChannels(plane(), 1, "client-drain");
  const { client, gateways } = await connected(people.ada.token);
  const states: State[] = [];
  client.on("state", (state) => states.push(state));
  const [first] = gateways.slice(-1);

  await drain(plane(), first!, true);
  try {
    for (let i = 0; gateways.at(-1) === first; i++) {
      await client.send(channel!, `still here ${i}`);
      if (i > 1_000) throw new Error("it did not leave");
    }
    expect((await client.send(channel!, "moved")).channel).toBe(channel);
    expect(states.map(({ phase }) => phase)).toEqual(["connected"]);
  } finally {
    await drain(plane(), first!, false);
  }
}, 60_000);

test("presence and typing of others are told, over reconnects, too", async () => {
  const [channel] = await makeChannels(plane(), 1, "client-presence");
  const grace = await connected(people.grace.token);
  const told: string[] = [];
  grace.client.on("presence", ({ user, presence }) => told.push(`${user} ${presence}`));
  grace.client.on("typing", ({ user, channel }) => told.push(`${user} types in ${channel}`));
  grace.client.watch([people.linus.user]);
  await until("linus to be away", () => told.includes(`${people.linus.user} away`));
  const linus = await connected(people.linus.token);
  await until("linus to be active", () => told.includes(`${people.linus.user} active`));
  linus.client.typing(channel!);
  await until("linus to type", () => told.includes(`${people.linus.user} types in ${channel}`));
  told.length = 0;
  await plane().kill(grace.gateways.at(-1)!);
  await until("grace to be told anew", () => told.includes(`${people.linus.user} active`), 20_000);
  expect(told).not.toContain(`${people.linus.user} away`);
}, 60_000);

test("a token that is refused is asked for again; one that stays refused ends it, and says why", async () => {
  let asked = 0;
  const fresh = await connected(() => (asked++ === 0 ? "xoxp-expired" : people.ada.token));
  expect([asked, fresh.client.state.phase]).toEqual([2, "connected"]);
  const client = new RingwayClient({ url: plane().url, token: "xoxp-never" });
  clients.push(client);
  client.connect();
  await until("it to give up", () => client.state.phase === "closed");
  expect(client.state).toEqual({ phase: "closed", why: "invalid_auth" });
  await expect(fresh.client.call("conversations.info", { channel: "C0NOWHERE" })).rejects.toMatchObject({ code: "channel_not_found" });
  await expect(fresh.client.send("C0NOWHERE", "x")).rejects.toMatchObject({ name: "RingwayError", code: expect.stringMatching(/channel/) as unknown });
});
