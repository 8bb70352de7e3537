/** A plane that is up, for scenes that a test writes by hand: clocks agree, delays are steady, nothing goes wrong by itself. */
import type { RingModule } from "../../services/ring/ring.ts";
import type { Client } from "./client.ts";
import { Plane, type PlaneOptions } from "./plane.ts";
import { Process } from "./process.ts";

const seed = 7;

export class Scene {
  readonly plane: Plane;
  #lines: string[] = [];
  #from = 0;
  readonly #browser: Process;

  /** U0 and U1 are in C0. */
  constructor(ring: RingModule, options: PlaneOptions) {
    this.plane = new Plane(ring, seed, { ...options, steady: true }, (line) => this.#lines.push(line));
    this.#browser = new Process(this.plane.world.kernel, "browser");
    this.plane.world.directory.members.set("C0", new Set(["U0", "U1"]));
    this.plane.start();
    this.run(2_000);
  }

  run(ms: number): void {
    const { kernel } = this.plane.world;
    kernel.run(kernel.now + ms);
  }

  /** Runs until it is so. @throws Error where it takes longer than `withinMs` */
  until(what: string, holds: () => boolean, withinMs = 30_000): void {
    const { kernel } = this.plane.world;
    const deadline = kernel.now + withinMs;
    while (!holds()) {
      if (kernel.now > deadline) throw new Error(`not within ${withinMs} ms: ${what}\n${this.tell()}`);
      this.run(10);
    }
  }

  /** A client that is connected; its name begins with its user. */
  client(name: string, watches: readonly string[] = []): Client {
    const client = this.plane.client({ name, user: name.slice(0, 2), fromStart: false, watches });
    client.start();
    this.run(1_000);
    if (!client.live) throw new Error(`${name} has no session\n${this.tell()}`);
    return client;
  }

  /** chat.postMessage to C0 */
  post(user: string, key: string): void {
    this.plane.world.envoy.api(this.#browser, `${user} posts ${key} to C0`, 6_000, (webapp, reply) => webapp.post(user, "C0", key, key, reply), () => undefined);
  }

  /** users.setPresence */
  choose(user: string, away: boolean): void {
    this.plane.world.envoy.api(this.#browser, `${user} chooses ${away ? "away" : "auto"}`, 6_000, (webapp, reply) => webapp.setPresence(user, away, reply), () => undefined);
  }

  /** ID of the server that owns this by the newest topology. */
  owner(pool: "channel" | "presence", id: string): string {
    return this.plane.world.charm!.registry.disk.view!.owner(pool, id)!.id;
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
