/** A client that was away for longer than anybody replays: it is told what is left out, and gets what follows. */
import { beforeAll, expect, test } from "vitest";
import type { RingModule } from "../../services/ring/ring.ts";
import { Scene } from "./scene.ts";
import { loadRing } from "./sim.ts";

let ring: RingModule;
beforeAll(async () => void (ring = await loadRing()));

const size = { channels: 3, gateways: 2, presences: 1 };

/** U1 sees k1, is away while k2 to k6 are said, 1 s apart, and comes back. @returns what it has not been shown */
function away(scene: Scene, meanwhile: (ts: (offset: number) => string) => void = () => undefined): string[] {
  const reader = scene.client("U1.0");
  const keys = ["k1", "k2", "k3", "k4", "k5", "k6"];
  scene.post("U0", "k1");
  scene.until("k1 is shown", () => reader.seen.has("k1"));
  reader.leave();
  for (const key of keys.slice(1)) {
    scene.post("U0", key);
    scene.run(1_000);
  }
  const { ledger } = scene.plane.world.monitor;
  meanwhile((offset) => ledger.entries("C0")[offset - 1]!.ts);
  reader.start();
  scene.until("it has what it can have", () => reader.live && reader.cursor("C0") === 6);
  scene.plane.dispose();
  return keys.filter((key) => !reader.seen.has(key));
}

test("who was away for less gets all of it", () => {
  const scene = new Scene(ring, size);
  expect(away(scene)).toEqual([]);
  expect(scene.plane.world.monitor.gaps).toBe(0);
});

test("what is too old is left out, and the session is told", () => {
  const scene = new Scene(ring, { ...size, window: { resumeMs: 3_500, resumeEvents: 10_000 } });
  expect(away(scene)).toEqual(["k2", "k3"]);
  expect(scene.plane.world.monitor.gaps).toBe(1);
});

test("what is too much is left out, and the session is told", () => {
  const scene = new Scene(ring, { ...size, window: { resumeMs: 300_000, resumeEvents: 2 } });
  expect(away(scene)).toEqual(["k2", "k3", "k4"]);
  expect(scene.plane.world.monitor.gaps).toBe(1);
});

test("what retention removed is left out, and the session is told", () => {
  const scene = new Scene(ring, size);
  expect(away(scene, (ts) => void scene.plane.world.store.log.sweep(ts(5), "", 1_000))).toEqual(["k2", "k3", "k4"]);
  expect(scene.plane.world.monitor.gaps).toBe(1);
});
