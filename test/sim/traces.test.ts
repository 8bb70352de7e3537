/** Three stories: what passes between whom, and when. */
import { beforeAll, expect, test } from "vitest";
import type { RingModule } from "../../services/ring/ring.ts";
import { Scene } from "./scene.ts";
import { loadRing } from "./sim.ts";

let ring: RingModule;
beforeAll(async () => void (ring = await loadRing()));

const size = { channels: 3, gateways: 2, presences: 1 };

test("boot: a ticket, the user's own channel, the list, a subscription for each, hello", () => {
  const story = new Scene(ring, size);
  story.begin();
  story.client("U0.0");
  expect(story.tell()).toMatchInlineSnapshot(`
    "   1 ms  U0.0 → webapp  rtm.connect
       4 ms  envoy → gw-1  upgrade of U0.0
       5 ms  gw-1 → webapp  whose ticket is this?
       8 ms  gw-1 → cs-2  subscribe U0 from its head
       8 ms  gw-1 → envoy  101
       8 ms  cs-2 → store  claim slot 35539
      12 ms  cs-2 → gw-1  subscribed U0, head 0
      13 ms  gw-1 → webapp  the channels of U0
      16 ms  gw-1 → cs-2  subscribe C0 from its head
      16 ms  cs-2 → store  claim slot 50125
      20 ms  cs-2 → gw-1  subscribed C0, head 0
      20 ms  gw-1 → ps-0  online U0
      21 ms  gw-1 → U0.0  hello"
  `);
  story.plane.dispose();
});

test("publish: the owner appends, then acks and tells each gateway once", () => {
  const story = new Scene(ring, size);
  const author = story.client("U0.0");
  story.client("U1.0");
  story.client("U1.1");
  story.begin();
  author.send("C0", "hello", "k1");
  story.run(1_000);
  expect(story.tell()).toMatchInlineSnapshot(`
    "   0 ms  U0.0 → gw-1  message for C0, key k1
       1 ms  gw-1 → cs-2  publish C0 by U0, key k1
       3 ms  cs-2 → store  append C0 1 with fence 1
       5 ms  store → cs-2  C0 1 durable
       5 ms  cs-2 → gw-1  ack, offset 1
       5 ms  cs-2 → gw-1  event C0 1
       5 ms  cs-2 → gw-0  event C0 1
       6 ms  gw-0 → U1.0  C0 1
       6 ms  gw-0 → U1.1  C0 1
       6 ms  gw-1 → U0.0  ack k1, offset 1"
  `);
  story.plane.dispose();
});

test("failover: the owner is killed; Envoy and the gateways go to the next in the list, which claims the slot; charm follows", () => {
  const story = new Scene(ring, size);
  const author = story.client("U0.0");
  const reader = story.client("U1.0");
  author.send("C0", "before", "k1");
  story.run(100);
  const owner = story.owner("channel", "C0");
  story.begin();
  author.send("C0", "meanwhile", "k2");
  story.run(0.5);
  story.plane.crash(owner, 60_000);
  story.run(2);
  story.post("U1", "k3");
  story.run(2_100);
  expect(story.tell()).toMatchInlineSnapshot(`
    "   0 ms  U0.0 → gw-1  message for C0, key k2
       1 ms  cs-2  is killed
       1 ms  gw-1 → cs-2  publish C0 by U0, key k2
       1 ms  gw-0 → cs-0  subscribe U1 after 0
       1 ms  gw-0 → cs-0  subscribe C0 after 1
       1 ms  gw-1 → cs-0  subscribe U0 after 0
       1 ms  gw-1 → cs-0  subscribe C0 after 1
       3 ms  cs-0  probes cs-2: gone
       3 ms  cs-0 → store  claim slot 63717
       3 ms  cs-0 → store  claim slot 50125
       3 ms  cs-0 → store  claim slot 35539
       3 ms  browser → webapp  U1 posts k3 to C0
       5 ms  envoy → cs-2  publish C0, key k3
       6 ms  cs-2 → envoy  refused
       6 ms  cs-0 → gw-0  subscribed U1, head 0
       6 ms  cs-0 → gw-0  subscribed C0, head 1
       6 ms  cs-0 → gw-1  subscribed C0, head 1
       6 ms  cs-0 → gw-1  subscribed U0, head 0
       7 ms  gw-1 → cs-0  publish C0 by U0, key k2
       9 ms  cs-0 → store  append C0 2 with fence 2
      11 ms  store → cs-0  C0 2 durable
      11 ms  cs-0 → gw-1  ack, offset 2
      11 ms  cs-0 → gw-0  event C0 2
      11 ms  cs-0 → gw-1  event C0 2
      12 ms  gw-0 → U1.0  C0 2
      12 ms  gw-1 → U0.0  ack k2, offset 2
      19 ms  envoy → cs-0  publish C0, key k3
      21 ms  cs-0 → store  append C0 3 with fence 2
      23 ms  store → cs-0  C0 3 durable
      23 ms  cs-0 → gw-0  event C0 3
      23 ms  cs-0 → gw-1  event C0 3
      24 ms  cs-0 → envoy  201
      24 ms  gw-0 → U1.0  C0 3
      24 ms  gw-1 → U0.0  C0 3
     256 ms  cs-0  probes cs-2: gone
     756 ms  cs-0  probes cs-2: gone
    1256 ms  cs-0  probes cs-2: gone
    1756 ms  cs-0  probes cs-2: gone
    2011 ms  charm  publishes topology 2: cs-0 cs-1 cs-2(down), ps-0, gw-0 gw-1
    2011 ms  envoy  routes by topology 2
    2011 ms  gw-0 → ps-0  announced
    2011 ms  gw-1 → ps-0  announced"
  `);
  expect(reader.seen).toEqual(new Set(["k1", "k2", "k3"]));
  expect(author.unacked).toEqual([]);
  story.plane.dispose();
});
