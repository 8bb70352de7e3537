/** `kill -9` of one process of each kind while messages flow. */
import { afterEach, expect, test } from "vitest";
import { call, connectRtm, type Frame } from "./client.ts";
import { charmStatus, gatewayOf, makeChannels, ownerOf, topologyOf } from "./operate.ts";
import { everybody, people, type Person } from "./people.ts";
import { usePlane } from "./plane.ts";
import { Resuming } from "./resuming.ts";
import { Traffic } from "./traffic.ts";
import { until } from "./wait.ts";

const plane = usePlane();
let traffic: Traffic | undefined;

async function flow(name: string): Promise<{ traffic: Traffic; channels: string[] }> {
  const channels = await makeChannels(plane(), 6, name);
  traffic = new Traffic(plane(), channels);
  await traffic.begin();
  await traffic.more(20);
  return { traffic, channels };
}

afterEach(async () => {
  await traffic?.end();
  traffic = undefined;
});

test("a channel server: posts go on through the 2nd choice, and no acked message is missing from history or any socket", async () => {
  const { traffic, channels } = await flow("kill-channel");
  const owners = new Map<string, string>();
  for (const channel of channels) owners.set(channel, await ownerOf(plane(), channel));
  const victim = owners.get(channels[0]!)!;
  const orphaned = channels.filter((channel) => owners.get(channel) === victim);
  const old = await plane().kill(victim);
  await traffic.more(40);
  await plane().restarted(victim, old);
  await until("the owner to be the owner again", async () => (await ownerOf(plane(), channels[0]!)) === victim);
  await traffic.more(20);
  await traffic.check();
  report("channel server", traffic, orphaned);
  expect(traffic.stallMs(orphaned)).toBeLessThan(5_000);
}, 60_000);

test("a gateway: its clients reconnect with their offsets and get exactly what they missed", async () => {
  const { traffic } = await flow("kill-gateway");
  const before = traffic.clients.map((client) => client.connections);
  const { x_gateway } = (await traffic.clients[0]!.ready()).frames.find((frame) => frame.type === "hello")!;
  const victim = x_gateway as string;
  const old = await plane().kill(victim);
  await until("its client to come back", () => traffic.clients[0]!.connections > before[0]! && traffic.clients[0]!.connected);
  await traffic.more(20);
  await plane().restarted(victim, old);
  await traffic.more(20);
  await traffic.check();
  // Only a message that was under way on a socket of the dead gateway had to be sent again.
  expect(traffic.refusals.filter((reason) => !reason.startsWith("the socket closed"))).toEqual([]);
  report("gateway", traffic);
}, 60_000);

test("a presence server: nobody who is online is called away", async () => {
  const { traffic } = await flow("kill-presence");
  const watcher = await connectRtm(plane().url, people.margaret.token);
  const others = [people.ada, people.grace, people.linus];
  watcher.send({ type: "presence_sub", ids: [...others, people.robot].map((person) => person.user) });
  for (const { user } of [...others, people.robot]) {
    await watcher.waitFor(`${user} to be active`, (frame) => frame.type === "presence_change" && frame.user === user && frame["presence"] === "active");
  }
  const from = watcher.frames.length;
  for (const victim of plane().named("presence")) {
    const old = await plane().kill(victim);
    await traffic.more(10);
    await plane().restarted(victim, old);
  }
  for (const { user } of others) {
    await until(`${user} to be announced again`, async () => (await call(plane().url, people.margaret.token, "users.getPresence", { user }))["presence"] === "active");
  }
  // What a wrong "away" would wait for, this true one has to wait for as well, and it begins later.
  await traffic.clients[4]!.stop();
  await watcher.waitFor("the robot to be away", (frame) => frame.type === "presence_change" && frame.user === people.robot.user && frame["presence"] === "away", 30_000);
  const away = watcher.frames.slice(from).filter((frame) => frame.type === "presence_change" && frame["presence"] === "away");
  expect(away.map((frame) => frame.user)).toEqual([people.robot.user]);
  expect(traffic.refusals).toEqual([]);
  report("presence server", traffic);
  await watcher.close();
}, 60_000);

test("a gateway, then each presence server: who comes back was never called away, who does not is within the bounds", async () => {
  const seats = new Map<string, Person[]>();
  for (const person of everybody) {
    const gateway = await gatewayOf(plane(), person);
    seats.set(gateway, [...(seats.get(gateway) ?? []), person]);
  }
  const [[victim, [back, gone]], [, [observer]]] = [...seats].sort(([, a], [, b]) => b.length - a.length) as [[string, [Person, Person]], [string, [Person]]];
  const watcher = await connectRtm(plane().url, observer.token);
  const returning = new Resuming(plane().url, back.token);
  await returning.ready();
  await connectRtm(plane().url, gone.token);
  const said = (user: string, presence: string) => (frame: Frame): boolean => frame.type === "presence_change" && frame.user === user && frame["presence"] === presence;
  watcher.send({ type: "presence_sub", ids: [back.user, gone.user] });
  for (const { user } of [back, gone]) await watcher.waitFor(`${user} to be active`, said(user, "active"));

  const killedAt = performance.now();
  const awayAt = watcher.waitFor(`${gone.user} to be away`, said(gone.user, "away"), 30_000).then(() => performance.now());
  const old = await plane().kill(victim);
  await until("its client to come back", () => returning.connections === 2 && returning.connected);
  for (const server of plane().named("presence")) await plane().restarted(server, await plane().kill(server));
  const tookMs = (await awayAt) - killedAt;
  await until(`${back.user} to be announced again`, async () => (await call(plane().url, observer.token, "users.getPresence", { user: back.user }))["presence"] === "active");
  await plane().restarted(victim, old);
  expect(watcher.frames.filter(said(back.user, "away"))).toEqual([]);
  console.log(`kill -9 of a gateway and then of ${plane().named("presence").length} presence servers: who did not come back was away after ${Math.round(tookMs)} ms`);
  // TTL and grace, and the wait of a server that is new to the user for each that was killed (docs/protocol.md, "Presence").
  expect(tookMs).toBeLessThan(3_000 + 5_000 + 2 * 2_000);
  await returning.stop();
  await watcher.close();
}, 60_000);

test("charm: nothing stops, and its restart changes nothing", async () => {
  const { traffic } = await flow("kill-charm");
  const before = await topologyOf(plane());
  const { charm: old, ...rest } = await plane().pids();
  await plane().kill("charm");
  await traffic.more(20);
  await plane().restarted("charm", old!);
  await until("all servers to be registered again", async () => {
    const { pools } = await charmStatus(plane());
    return Object.entries(pools).every(([pool, { passing }]) => passing === plane().named(pool).length);
  });
  await traffic.more(20);
  expect(await topologyOf(plane())).toEqual(before);
  const { charm: _, ...now } = await plane().pids();
  expect(now).toEqual(rest);
  await traffic.check();
  expect(traffic.refusals).toEqual([]);
  report("charm", traffic);
}, 60_000);

function report(what: string, traffic: Traffic, channels?: readonly string[]): void {
  const { acked, refusals } = traffic;
  console.log(`kill -9 of a ${what}: ${acked.length} messages acked, longest wait for an ack ${Math.round(traffic.stallMs(channels))} ms, ${refusals.length} sent again`);
}
