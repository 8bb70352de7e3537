/** Steady posts to the mesh through several Envoys at once, and of each one which server took it. */
import { connectMesh } from "../../services/webapp/mesh.ts";
import { systemClock } from "../../services/runtime/clock.ts";
import { seen } from "./mesh-envoy.ts";
import { people } from "./people.ts";
import { until } from "./wait.ts";

export interface Ack {
  readonly offset: number;
  readonly ts: string;
  /** the epoch by which Envoy routed it, where the way of posting shows it */
  readonly epoch?: number;
  /** `ip:port` of the server that wrote it, where the way shows it */
  readonly server?: string;
}

/** Posts one message, whose key is its text. @throws Error where it was not acked in time */
export type Way = (channel: string, text: string) => Promise<Ack>;

export interface Taken extends Ack {
  readonly channel: string;
  readonly text: string;
  /** name of the way it went */
  readonly by: string;
}

/** As long as webapp tries. */
const patienceMs = 5_000;
/** Between two posts of one writer: many in flight at any time, but no load. */
const pauseMs = 15;

const publication = (text: string) => ({ kind: "message", user: people.ada.user, key: text, draft: { text } }) as const;

/** As webapp posts. @param mesh `ip:port` of an Envoy's mesh listener */
export function asWebapp(mesh: string): Way {
  const client = connectMesh(`http://${mesh}`, systemClock);
  return async (channel, text) => {
    const { offset, ts } = await client.publish(channel, publication(text));
    return { offset, ts };
  };
}

/**
 * Posts that show their writer, through an Envoy of mesh-envoy.ts; refusals are followed by another try with the same key, as docs/protocol.md asks.
 * @param refusals gets what came instead of an ack
 */
export function showingWriter(mesh: string, refusals: string[]): Way {
  return async (channel, text) => {
    const deadline = Date.now() + patienceMs;
    while (Date.now() < deadline) {
      const response = await fetch(`http://${mesh}/v1/channels/${channel}/messages`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(publication(text)),
      });
      if (response.ok) {
        const { offset, ts, duplicate } = (await response.json()) as { offset: number; ts: string; duplicate: boolean };
        const ack = { offset, ts, epoch: Number(response.headers.get(seen.epoch)) };
        // A duplicate was stored by an earlier try, wherever that went.
        return duplicate ? ack : { ...ack, server: response.headers.get(seen.server) ?? "" };
      }
      refusals.push(`${response.status} ${((await response.json()) as { reason: string }).reason}`);
      await new Promise((done) => setTimeout(done, 20));
    }
    throw new Error(`${text} was not acked within ${patienceMs} ms: ${refusals.at(-1)}`);
  };
}

/** One writer for each channel and way. */
export class Writers {
  readonly taken: Taken[] = [];
  readonly #ways: Readonly<Record<string, Way>>;
  readonly #channels: readonly string[];
  #running = true;
  readonly #lanes: Promise<void>[];

  constructor(ways: Readonly<Record<string, Way>>, channels: readonly string[]) {
    this.#ways = ways;
    this.#channels = channels;
    this.#lanes = channels.flatMap((channel) => Object.entries(ways).map(([by, way]) => this.#lane(by, way, channel)));
  }

  /** Waits until each writer has `count` more acks. */
  async more(count: number): Promise<void> {
    const names = Object.keys(this.#ways);
    const wanted = this.#channels.flatMap((channel) => names.map((by) => [channel, by, this.#count(channel, by) + count] as const));
    await Promise.race([until(`${count} more acks of each writer`, () => wanted.every(([channel, by, aim]) => this.#count(channel, by) >= aim), 30_000), this.#failure()]);
  }

  /** Ends what was begun and no more. @throws Error where a message was not acked in time */
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#lanes);
  }

  /** A channel's messages in the order of their offsets. */
  in(channel: string): Taken[] {
    return this.taken.filter((message) => message.channel === channel).sort((a, b) => a.offset - b.offset);
  }

  async #lane(by: string, way: Way, channel: string): Promise<void> {
    for (let i = 0; this.#running; i++) {
      const text = `${channel}|${by}|${i}`;
      this.taken.push({ channel, text, by, ...(await way(channel, text)) });
      await new Promise((done) => setTimeout(done, pauseMs));
    }
  }

  /** Rejects with the first failure of a writer. */
  async #failure(): Promise<never> {
    await Promise.all(this.#lanes);
    throw new Error("the writers have stopped");
  }

  #count(channel: string, by: string): number {
    return this.taken.reduce((sum, message) => sum + (message.channel === channel && message.by === by ? 1 : 0), 0);
  }
}
