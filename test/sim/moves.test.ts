/** A drain and its way back while somebody writes, in virtual time: what each step moves, how long a message waits, who hands over. */
import { beforeAll, expect, test } from "vitest";
import type { RingModule, RingView } from "../../services/ring/ring.ts";
import { Process } from "./process.ts";
import { Scene } from "./scene.ts";
import { loadRing } from "./sim.ts";

const SLOTS = 65_536;
const everyMs = 5;
let ring: RingModule;
beforeAll(async () => void (ring = await loadRing()));

test.each(["over a socket", "by the Web API"])("a drain by limited steps, %s: each message is acked within 200 ms and nobody misses one", (way) => {
  const scene = new Scene(ring, { channels: 3, gateways: 2, presences: 1 });
  const author = scene.client("U0.0");
  const reader = scene.client("U1.0");
  const { charm, envoy, kernel, monitor } = scene.plane.world;
  const browser = new Process(kernel, "browser");
  const { disk } = charm!.registry;
  const owner = scene.owner("channel", "C0");
  scene.begin();
  const sentAt = new Map<string, number>();
  const waits: number[] = [];
  const refused: number[] = [];
  const moves: number[] = [];
  let view: RingView = disk.view!;
  let acks = monitor.acked.length;
  const collect = (): void => {
    for (const { who, key } of monitor.acked.slice(acks)) if (who === "U0.0") waits.push(kernel.now - sentAt.get(key)!);
    acks = monitor.acked.length;
  };
  const live = (until: () => boolean): void => {
    for (let quiet = 0; quiet < 200; quiet = until() ? quiet + 1 : 0) {
      const key = `k${sentAt.size}`;
      sentAt.set(key, kernel.now);
      if (way === "over a socket") author.send("C0", key, key);
      else {
        envoy.api(browser, `${key} to C0`, 6_000, (webapp, reply) => webapp.post("U0", "C0", key, key, reply), ({ status }) => {
          if (status < 300) waits.push(kernel.now - sentAt.get(key)!);
          else refused.push(status);
        });
      }
      scene.run(everyMs);
      collect();
      if (disk.view === view) continue;
      moves.push(disk.view!.moved(view, "channel"));
      view = disk.view!;
    }
  };
  const wish = (drain: boolean): void => charm!.wish(owner, { drain });
  const state = (): string => disk.topology!.pools.channel.servers.find(({ id }) => id === owner)!.state;
  wish(true);
  live(() => state() === "draining");
  expect(scene.owner("channel", "C0")).not.toBe(owner);
  const away = moves.length;
  wish(false);
  live(() => scene.owner("channel", "C0") === owner && moves.length >= 2 * away);
  scene.run(2 * everyMs);
  collect();
  scene.run(1_000);
  console.log(`${way}: ${waits.length} messages, longest wait ${Math.round(Math.max(...waits))} ms; slots moved by each step: ${moves.join(" ")}`);
  expect(moves).toHaveLength(16);
  expect(Math.max(...moves)).toBeLessThanOrEqual(0.05 * SLOTS);
  expect(moves.reduce((sum, count) => sum + count)).toBeGreaterThan(0.6 * SLOTS);
  expect(scene.tell()).toMatch(/hands over .*\bC0\b/);
  expect(Math.max(...waits)).toBeLessThan(200);
  expect(waits).toHaveLength(sentAt.size);
  expect([author.unacked, refused, reader.seen]).toEqual([[], [], new Set(sentAt.keys())]);
  monitor.checkLog();
  scene.plane.dispose();
});
