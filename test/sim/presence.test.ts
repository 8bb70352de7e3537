/** Presence where nothing but one thing goes wrong: how long it takes at most until the others know. */
import { beforeAll, expect, test } from "vitest";
import type { RingModule } from "../../services/ring/ring.ts";
import type { Client } from "./client.ts";
import { Scene } from "./scene.ts";
import { loadRing } from "./sim.ts";

let ring: RingModule;
beforeAll(async () => void (ring = await loadRing()));

const graceMs = 5_000;
const heartbeatMs = 20_000;
const linkSilenceMs = 3_000;
/** for the way of the news */
const travelMs = 200;

/** U0 at one gateway, seen by U1 at the other. */
function watched(): { readonly scene: Scene; readonly user: Client; readonly watcher: Client } {
  const scene = new Scene(ring, { channels: 1, gateways: 2, presences: 2 });
  const user = scene.client("U0.0");
  const watcher = scene.client("U1.0", ["U0"]);
  expect(user.gateway).not.toBe(watcher.gateway);
  expect(watcher.presence.get("U0")).toBe(true);
  return { scene, user, watcher };
}

/** @returns ms until the watcher is told that U0 is away */
function awayAfter(scene: Scene, watcher: Client, withinMs: number): number {
  const { kernel } = scene.plane.world;
  const from = kernel.now;
  scene.until("U0 is seen away", () => watcher.presence.get("U0") === false, withinMs);
  scene.plane.dispose();
  return kernel.now - from;
}

test("who leaves is called away after the grace period, not before", () => {
  const { scene, user, watcher } = watched();
  user.leave();
  expect(awayAfter(scene, watcher, graceMs + travelMs)).toBeGreaterThanOrEqual(graceMs);
});

test("who vanishes in silence is called away after three heartbeats and the grace period", () => {
  const { scene, user, watcher } = watched();
  scene.plane.world.net.cut(user.name, "envoy");
  const ms = awayAfter(scene, watcher, 3 * heartbeatMs + graceMs + travelMs);
  // It had pinged, or answered a ping, not long before.
  expect(ms).toBeGreaterThanOrEqual(3 * heartbeatMs + graceMs - 2_000);
});

test("who was at a gateway that is cut off is called away after its silence and the grace period", () => {
  const { scene, user, watcher } = watched();
  const { net } = scene.plane.world;
  const gateway = user.gateway;
  for (const place of ["envoy", ...scene.plane.nodes.keys()]) if (place !== gateway) net.cut(gateway, place);
  net.cut(user.name, "envoy");
  expect(awayAfter(scene, watcher, linkSilenceMs + graceMs + travelMs)).toBeGreaterThanOrEqual(graceMs);
});

test("who comes back within the grace period is never called away, though their gateway was killed", () => {
  const { scene, user, watcher } = watched();
  let away = 0;
  scene.plane.world.onPresence = (client, who, active) => void (client === watcher && who === "U0" && !active && away++);
  scene.plane.crash(user.gateway, 30_000);
  scene.until("U0 is back", () => user.live && user.gateway === watcher.gateway);
  scene.run(10_000);
  expect(watcher.presence.get("U0")).toBe(true);
  expect(away).toBe(0);
  scene.plane.dispose();
});
