/** What the simulation found once: seeds that fail where the fault comes back, and scenes of it written out. */
import { beforeAll, expect, test } from "vitest";
import type { RingModule } from "../../services/ring/ring.ts";
import { Scene } from "./scene.ts";
import { explain, loadRing, simulate } from "./sim.ts";

let ring: RingModule;
beforeAll(async () => void (ring = await loadRing()));

/**
 * Each failed when its fault was found, under the workload of that day; the workload has changed since, so that they may pass without the
 * rule today. The rule itself is held by the store's contract (test/contract/log.ts) and by services/channel/random.test.ts.
 */
const found: readonly (readonly [rule: string, seeds: readonly number[]])[] = [
  // A write that its caller gave up is carried out late, between a look-up and the append behind another one.
  ["an append follows the entry that its caller knows, or is a conflict", [2, 9, 10]],
  // Two gateways lose their links to a presence server; the first that is back asks it about a user whom the second announced elsewhere meanwhile.
  ["nobody is called away by a presence server that a gateway's link to was broken, before that gateway has announced again", [1380]],
  // A gateway that is told to stop is in no ring any more while its clients leave in their turns; a presence server that starts then must not miss it.
  ["a presence server that started waits for gateways that are leaving, too", [3697]],
  // In the place of a server that died, one that served the user once remembers nothing that counts.
  ["a user who comes back to a presence server is as unknown to it as any", [7257]],
  // The only publisher of a channel left it after an append that was carried out late.
  ["what the store carried out late is shown though nobody publishes", [3459]],
];

test.each(found.flatMap(([rule, seeds]) => seeds.map((seed) => [rule, seed] as const)))("%s: seed %i", (_rule, seed) => {
  const result = simulate(ring, seed);
  if (result.failure !== undefined) expect.fail(explain(ring, result));
});

test("who was deposed in silence learns it without an append, and its subscribers get what the other took", () => {
  const scene = new Scene(ring, { channels: 3, gateways: 2, presences: 1 });
  const reader = scene.client("U1.0");
  scene.post("U0", "k1");
  scene.until("the first message is shown", () => reader.seen.has("k1"));
  const { world } = scene.plane;
  const owner = scene.owner("channel", "C0");
  const other = scene.plane.ids.channel.find((id) => id !== owner)!;
  // Another server's claim that was under way for long; it appends once and is gone.
  const fence = world.monitor.claim(other, world.ring.slotOf("C0"), other);
  const payload = new TextEncoder().encode(JSON.stringify({ type: "message", channel: "C0", user: "U0", text: "k2", client_msg_id: "k2", ts: "1700000090.000000", x_off: 2 }));
  expect(world.monitor.append(other, { channel: "C0", slot: world.ring.slotOf("C0"), fence, entries: [{ offset: 2, ts: "1700000090.000000", kind: 0, origin: 0, key: "k2", payload }] })).toEqual({ ok: true });
  scene.until("the second message is shown", () => reader.seen.has("k2"), 10_000);
  scene.plane.dispose();
});

/** U0 chooses "away" while their gateway is cut off from all servers; the presence server that took the choice is lost meanwhile. */
function chooseWhileCutOff(forMs: number, lose: (scene: Scene, owner: string) => void): void {
  const scene = new Scene(ring, { channels: 1, gateways: 2, presences: 2 });
  const user = scene.client("U0.0");
  const watcher = scene.client("U1.0", ["U0"]);
  expect(user.gateway).not.toBe(watcher.gateway);
  const { net } = scene.plane.world;
  const places = [...scene.plane.nodes.keys(), "envoy"].filter((place) => place !== user.gateway);
  for (const place of places) net.cut(user.gateway, place);
  scene.choose("U0", true);
  scene.until("the choice is taken", () => watcher.presence.get("U0") === false);
  lose(scene, scene.owner("presence", "U0"));
  scene.run(forMs);
  for (const place of places) net.heal(user.gateway, place);
  scene.run(20_000);
  expect(user.live).toBe(true);
  expect(watcher.presence.get("U0")).toBe(false);
  scene.plane.dispose();
}

test("a user's choice of presence outlives a gateway that was cut off when it was made", () => {
  chooseWhileCutOff(500, (scene, owner) => scene.plane.world.charm!.wish(owner, { drain: true }));
});

// So long that links break and so short that the client stays; the user's own stream alone brings the choice to the gateway.
test("a user's choice of presence outlives the presence server that took it", () => {
  chooseWhileCutOff(3_600, (scene, owner) => scene.plane.node(owner).kill());
});
