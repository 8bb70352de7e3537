/** What goes wrong in a run, drawn from its seed before it begins. */
import type { Plane } from "./plane.ts";
import type { Random } from "./random.ts";

export interface Fault {
  /** ms since the run began */
  readonly at: number;
  /** how long it lasts, ms */
  readonly forMs: number;
  readonly text: string;
  readonly strike: (plane: Plane) => void;
}

type Draw = (random: Random, plane: Plane) => Omit<Fault, "at">;

/** No fault lasts longer. */
const longestMs = 10_000;
/** A stop takes so long at most. */
const stopMs = 8_500;
const burstMs = 2_500;

const crash: Draw = (random, plane) => {
  const id = random.pick(serversOf(plane));
  const down = random.between(50, 6_000);
  return { forMs: down, text: `kill -9 ${id}, back after ${ms(down)}`, strike: () => plane.crash(id, down) };
};

const crashWebapp: Draw = (random, plane) => {
  const down = random.between(50, 3_000);
  return { forMs: down, text: `kill -9 webapp, back after ${ms(down)}`, strike: () => plane.crash("webapp", down) };
};

const crashCharm: Draw = (random, plane) => {
  const down = random.between(50, 8_000);
  return { forMs: down, text: `kill -9 charm, back after ${ms(down)}`, strike: () => plane.crash("charm", down) };
};

const restart: Draw = (random, plane) => {
  const id = random.pick(serversOf(plane));
  const down = random.between(50, 3_000);
  return { forMs: stopMs + down, text: `restart ${id}, back ${ms(down)} after its end`, strike: () => plane.restart(id, down) };
};

const pause: Draw = (random, plane) => {
  const id = random.pick([...serversOf(plane), "charm"]);
  const long = random.chance(0.3) ? random.between(3_000, longestMs) : random.between(50, 3_000);
  return { forMs: long, text: `stop ${id} for ${ms(long)}`, strike: () => plane.pause(id, long) };
};

/** One place loses some of its ways, or all of them. */
const partition: Draw = (random, plane) => {
  const id = random.pick([...serversOf(plane), "charm", "envoy"]);
  const places = [...plane.nodes.keys(), "envoy", "store"].filter((place) => place !== id);
  const from = random.chance(0.5) ? places : random.some(places, 0.3);
  const long = random.between(100, 8_000);
  return {
    forMs: long,
    text: `cut ${id} off from ${from.length === places.length ? "all" : from.join(" ")} for ${ms(long)}`,
    strike: ({ world: { net, kernel } }) => {
      for (const place of from) net.cut(id, place);
      kernel.after(long, () => {
        for (const place of from) net.heal(id, place);
      });
    },
  };
};

const breakLinks: Draw = (random, plane) => {
  const id = random.pick([...serversOf(plane), ...plane.clients.map(({ name }) => name)]);
  return {
    forMs: 0,
    text: `break the connections of ${id}`,
    strike: ({ world: { net } }) => {
      for (const connection of [...net.connections]) if (connection.path.includes(id) && random.chance(0.8)) connection.break();
    },
  };
};

const drain: Draw = (random, plane) => {
  const id = random.pick(serversOf(plane));
  const back = random.chance(0.7) ? random.between(500, 6_000) : Infinity;
  return {
    forMs: back === Infinity ? 0 : back,
    text: `drain ${id}${back === Infinity ? "" : `, undrain after ${ms(back)}`}`,
    strike: ({ world }) => {
      wish(plane, id, { drain: true });
      if (back < Infinity) world.kernel.after(back, () => wish(plane, id, { drain: false }));
    },
  };
};

const weight: Draw = (random, plane) => {
  const id = random.pick(serversOf(plane));
  const share = random.pick([1, 20, 100, 300]);
  return { forMs: 0, text: `weigh ${id} ${share}`, strike: () => wish(plane, id, { weight: share }) };
};

/** An operator who tries things: each wish makes a topology. */
const burst: Draw = (random, plane) => {
  const ids = serversOf(plane);
  const wishes = Array.from({ length: 3 + random.below(6) }, () => {
    const intent = random.chance(0.5) ? { weight: random.pick([1, 20, 100, 300]) } : { drain: random.chance(0.5) };
    return { id: random.pick(ids), intent, after: random.between(0, burstMs) };
  });
  return {
    forMs: burstMs,
    text: `${wishes.length} wishes at once: ${wishes.map(({ id, intent }) => `${id} ${JSON.stringify(intent)}`).join(", ")}`,
    strike: ({ world: { kernel } }) => {
      for (const { id, intent, after } of wishes) kernel.after(after, () => wish(plane, id, intent));
    },
  };
};

/** A wall clock is set, by hand or by a time server. */
const clockJump: Draw = (random, plane) => {
  const id = random.pick([...plane.ids.channel, ...plane.ids.channel, ...plane.ids.gateway, ...plane.ids.presence, "charm", "webapp"]);
  const by = (random.chance(0.5) ? 1 : -1) * (random.chance(0.5) ? random.between(100, 3_000) : random.between(3_000, 40_000));
  return { forMs: 0, text: `set the clock of ${id} ${by > 0 ? "forward" : "back"} by ${ms(Math.abs(by))}`, strike: ({ world }) => world.setClock(id, Math.round(by)) };
};

const slowStore: Draw = (random) => {
  const slow = random.between(20, 1_500);
  const long = random.between(200, 4_000);
  return {
    forMs: long,
    text: `the store takes up to ${ms(slow)} for ${ms(long)}`,
    strike: ({ world: { store, kernel } }) => {
      store.slowMs = slow;
      kernel.after(long, () => (store.slowMs = 2));
    },
  };
};

const failingStore: Draw = (random) => {
  const share = random.between(0.1, 1);
  const long = random.between(200, 5_000);
  return {
    forMs: long,
    text: `the store fails ${Math.round(share * 100)} % of its calls for ${ms(long)}`,
    strike: ({ world: { store, kernel } }) => {
      store.failing = share;
      kernel.after(long, () => (store.failing = 0));
    },
  };
};

const fullStore: Draw = (random) => {
  const long = random.between(200, 6_000);
  return {
    forMs: long,
    text: `the store is full for ${ms(long)}`,
    strike: ({ world: { store, kernel } }) => {
      store.full = true;
      kernel.after(long, () => (store.full = false));
    },
  };
};

const slowNetwork: Draw = (random) => {
  const factor = random.between(3, 60);
  const long = random.between(200, 4_000);
  return {
    forMs: long,
    text: `the network is ${Math.round(factor)} times slower for ${ms(long)}`,
    strike: ({ world: { net, kernel } }) => {
      net.slowness = factor;
      kernel.after(long, () => (net.slowness = 1));
    },
  };
};

const lostAnswers: Draw = (random) => {
  const share = random.between(0.1, 0.7);
  const long = random.between(500, 5_000);
  return {
    forMs: long,
    text: `Envoy loses ${Math.round(share * 100)} % of the answers for ${ms(long)}`,
    strike: ({ world: { envoy, kernel } }) => {
      envoy.resets = share;
      kernel.after(long, () => (envoy.resets = 0));
    },
  };
};

const restartEnvoy: Draw = () => ({ forMs: 0, text: "restart Envoy", strike: ({ world: { envoy } }) => envoy.restart() });

const offline: Draw = (random, plane) => {
  const client = random.pick(plane.clients);
  const long = random.chance(0.5) ? random.between(50, 1_000) : random.between(1_000, longestMs);
  const silently = random.chance(0.5);
  return {
    forMs: long,
    text: `${client.name} ${silently ? "loses its network" : "leaves"} for ${ms(long)}`,
    strike: ({ world: { net, kernel } }) => {
      if (silently) {
        net.cut(client.name, "envoy");
        kernel.after(long, () => net.heal(client.name, "envoy"));
      } else {
        client.leave();
        kernel.after(long, () => client.start());
      }
    },
  };
};

/** Longer than the time to come back. */
const absent: Draw = (random, plane) => {
  const { user } = random.pick(plane.clients);
  const long = random.between(4_000, longestMs);
  return {
    forMs: long,
    text: `all of ${user} leave for ${ms(long)}`,
    strike: ({ clients, world: { kernel } }) => {
      for (const client of clients) {
        if (client.user !== user) continue;
        client.leave();
        kernel.after(long, () => client.start());
      }
    },
  };
};

const kinds: readonly (readonly [weight: number, draw: Draw])[] = [
  [6, crash],
  [2, crashCharm],
  [1, crashWebapp],
  [3, restart],
  [4, pause],
  [4, partition],
  [4, breakLinks],
  [3, drain],
  [2, weight],
  [2, burst],
  [2, clockJump],
  [1, slowStore],
  [2, failingStore],
  [1, fullStore],
  [1, slowNetwork],
  [1, lostAnswers],
  [1, restartEnvoy],
  [6, offline],
  [2, absent],
];

/** @param from, until when faults strike, ms */
export function drawFaults(random: Random, plane: Plane, count: number, from: number, until: number): Fault[] {
  const total = kinds.reduce((sum, [share]) => sum + share, 0);
  const faults = Array.from({ length: count }, (): Fault => {
    let at = random.below(total);
    const [, draw] = kinds.find(([share]) => (at -= share) < 0)!;
    return { at: random.between(from, until), ...draw(random, plane) };
  });
  return faults.sort((a, b) => a.at - b.at);
}

/** Nobody leaves a pool without any server that takes work. */
export function undrainSome(plane: Plane): void {
  const drained = plane.world.charm?.registry.disk.intents.drain ?? [];
  for (const ids of Object.values(plane.ids)) {
    if (ids.every((id) => drained.includes(id))) wish(plane, ids[0]!, { drain: false });
  }
}

/** Operators try until charm takes it. */
export function wish(plane: Plane, id: string, intent: { readonly drain?: boolean; readonly weight?: number }): void {
  const { charm, kernel } = plane.world;
  if (charm?.process.alive === true && !charm.process.paused) charm.wish(id, intent);
  else kernel.after(200, () => wish(plane, id, intent));
}

function serversOf(plane: Plane): string[] {
  return [...plane.ids.channel, ...plane.ids.channel, ...plane.ids.gateway, ...plane.ids.gateway, ...plane.ids.presence];
}

function ms(value: number): string {
  return `${Math.round(value)} ms`;
}
