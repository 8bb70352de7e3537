/** Three stories, as one seed tells them: what passes between whom, and when. Clocks agree in them. */
import { beforeAll, expect, test } from "vitest";
import type { RingModule } from "../../services/ring/ring.ts";
import { Plane } from "./plane.ts";
import { Process } from "./process.ts";
import { loadRing } from "./sim.ts";

let ring: RingModule;
beforeAll(async () => void (ring = await loadRing()));

/** A plane that is up: three channel servers, two gateways, a presence server; U0 and U1 are in C0. */
class Story {
  readonly plane: Plane;
  #lines: string[] = [];
  #from = 0;

  constructor() {
    this.plane = new Plane(ring, 7, { channels: 3, gateways: 2, presences: 1, skew: 0 }, (line) => this.#lines.push(line));
    this.plane.world.directory.members.set("C0", new Set(["U0", "U1"]));
    this.plane.start();
    this.run(2_000);
  }

  run(ms: number): void {
    const { kernel } = this.plane.world;
    kernel.run(kernel.now + ms);
  }

  /** A client that is connected. */
  client(name: string): ReturnType<Plane["client"]> {
    const client = this.plane.client({ name, user: name.slice(0, 2), fromStart: false, watches: [] });
    client.start();
    this.run(1_000);
    expect(client.live).toBe(true);
    return client;
  }

  /** Somebody posts by the API; webapp's call passes Envoy. */
  post(user: string, key: string): void {
    const { envoy } = this.plane.world;
    const browser = new Process(this.plane.world.kernel, "browser");
    envoy.api(browser, `${user} posts ${key} to C0`, 6_000, (webapp, reply) => webapp.post(user, "C0", key, key, reply), ({ status }) => expect(status).toBe(201));
  }

  /** The story begins here. */
  begin(): void {
    this.#lines = [];
    this.#from = this.plane.world.kernel.now;
  }

  /** What happened since, its times counted from there. */
  tell(): string {
    return this.#lines
      .map((line) => {
        const at = line.indexOf(" ms ");
        return `${String(Math.round(Number(line.slice(0, at)) - this.#from)).padStart(4)}${line.slice(at)}`;
      })
      .join("\n");
  }
}

test("boot: a ticket, the user's own channel, the list, a subscription for each, hello", () => {
  const story = new Story();
  story.begin();
  story.client("U0.0");
  expect(story.tell()).toMatchInlineSnapshot(`
    "   0 ms  U0.0 → webapp  rtm.connect
       3 ms  envoy → gw-1  upgrade of U0.0
       4 ms  gw-1 → webapp  whose ticket is this?
       7 ms  gw-1 → cs-2  subscribe U0 from its head
       8 ms  cs-2 → store  claim slot 35539
      11 ms  cs-2 → gw-1  subscribed U0, head 0
      12 ms  gw-1 → webapp  the channels of U0
      14 ms  gw-1 → cs-2  subscribe C0 from its head
      15 ms  cs-2 → store  claim slot 50125
      18 ms  cs-2 → gw-1  subscribed C0, head 0
      18 ms  gw-1 → ps-0  online U0
      19 ms  gw-1 → U0.0  hello"
  `);
  story.plane.dispose();
});

test("publish: the owner appends, then acks and tells each gateway once", () => {
  const story = new Story();
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
       4 ms  store → cs-2  C0 1 durable
       4 ms  cs-2 → gw-1  ack, offset 1
       4 ms  cs-2 → gw-1  event C0 1
       4 ms  cs-2 → gw-0  event C0 1
       5 ms  gw-0 → U1.1  C0 1
       5 ms  gw-0 → U1.0  C0 1
       5 ms  gw-1 → U0.0  ack k1, offset 1"
  `);
  story.plane.dispose();
});

test("failover: the owner is killed; Envoy and the gateways go to the next in the list, which claims the slot; charm follows", () => {
  const story = new Story();
  const author = story.client("U0.0");
  const reader = story.client("U1.0");
  author.send("C0", "before", "k1");
  story.run(100);
  const owner = story.plane.world.charm!.registry.disk.view!.owner("channel", "C0")!.id;
  story.begin();
  author.send("C0", "meanwhile", "k2");
  story.run(0.5);
  story.plane.crash(owner, 60_000);
  story.run(2);
  story.post("U1", "k3");
  story.run(2_100);
  expect(story.tell()).toMatchInlineSnapshot(`
    "   0 ms  U0.0 → gw-1  message for C0, key k2
       0 ms  gw-1 → cs-2  publish C0 by U0, key k2
       1 ms  cs-2  is killed
       1 ms  gw-1 → cs-0  subscribe U0 after 0
       1 ms  gw-1 → cs-0  subscribe C0 after 1
       1 ms  gw-0 → cs-0  subscribe U1 after 0
       1 ms  gw-0 → cs-0  subscribe C0 after 1
       3 ms  browser → webapp  U1 posts k3 to C0
       3 ms  cs-0  probes cs-2: gone
       3 ms  cs-0 → store  claim slot 35539
       3 ms  cs-0 → store  claim slot 50125
       3 ms  cs-0 → store  claim slot 63717
       5 ms  cs-0 → gw-1  subscribed U0, head 0
       6 ms  cs-0 → gw-0  subscribed U1, head 0
       6 ms  cs-0 → gw-1  subscribed C0, head 1
       6 ms  cs-0 → gw-0  subscribed C0, head 1
       6 ms  envoy → cs-2  publish C0, key k3
       6 ms  gw-1 → cs-0  publish C0 by U0, key k2
       7 ms  cs-2 → envoy  refused
       8 ms  cs-0 → store  append C0 2 with fence 2
      11 ms  store → cs-0  C0 2 durable
      11 ms  cs-0 → gw-1  ack, offset 2
      11 ms  cs-0 → gw-1  event C0 2
      11 ms  cs-0 → gw-0  event C0 2
      12 ms  gw-1 → U0.0  ack k2, offset 2
      12 ms  gw-0 → U1.0  C0 2
      17 ms  envoy → cs-0  publish C0, key k3
      19 ms  cs-0 → store  append C0 3 with fence 2
      21 ms  store → cs-0  C0 3 durable
      21 ms  cs-0 → gw-1  event C0 3
      21 ms  cs-0 → gw-0  event C0 3
      21 ms  cs-0 → envoy  201
      22 ms  gw-0 → U1.0  C0 3
      22 ms  gw-1 → U0.0  C0 3
     254 ms  cs-0  probes cs-2: gone
     755 ms  cs-0  probes cs-2: gone
    1255 ms  cs-0  probes cs-2: gone
    1755 ms  cs-0  probes cs-2: gone
    2020 ms  charm  publishes topology 2: cs-0 cs-1 cs-2(down), ps-0, gw-0 gw-1
    2021 ms  gw-0 → ps-0  announced
    2021 ms  envoy  routes by topology 2
    2021 ms  gw-1 → ps-0  announced"
  `);
  expect(reader.seen).toEqual(new Set(["k1", "k2", "k3"]));
  expect(author.unacked).toEqual([]);
  story.plane.dispose();
});
