/**
 * Random changes of a pool's members, one after the other, each compared with the state before it in a random sample of slots.
 * A slot may move only to a server that gained (joined, got weight, came back) or away from one that lost.
 */
import type { Server } from "../../../services/protocol/topology.ts";
import { seal } from "../../filter/setup.ts";

const SLOTS = 65_536;
const SAMPLE = 512;
const MEMBERS_MAX = 64;

export interface Disruption {
  readonly seed: number;
  /** Slots compared, over all changes. */
  readonly looked: number;
  readonly moved: number;
  /** Moved between two servers neither of which had changed, or against the direction of the change. */
  readonly needless: number;
  /** Slots whose owner left, was drained or set to weight 0. */
  readonly left: number;
  /** Of these, those that did not go to the 2nd of the list before. */
  readonly wrongSecond: number;
}

interface Change {
  readonly id: string;
  readonly gains: boolean;
  /** Owns nothing any more. */
  readonly gone: boolean;
  readonly servers: Server[];
}

/** @param seed of the changes and of the sample */
export function disruptionOf(changes: number, seed = 20_261_123): Disruption {
  const random = randomOf(seed);
  let servers: Server[] = Array.from({ length: 8 }, (_, i) => server(i));
  let { view } = seal(1, { channel: servers });
  const found = { looked: 0, moved: 0, needless: 0, left: 0, wrongSecond: 0 };
  for (let i = 0; i < changes; i++) {
    const change = changed(servers, 100 + i, random);
    const { view: next } = seal(i + 2, { channel: change.servers });
    for (let j = 0; j < SAMPLE; j++) {
      const slot = random(SLOTS);
      const [owner, second] = view.preferenceOfSlot("channel", slot, 2);
      const [after] = next.preferenceOfSlot("channel", slot, 2);
      found.looked++;
      if (owner?.id !== after?.id) {
        found.moved++;
        if ((change.gains ? after : owner)?.id !== change.id) found.needless++;
      }
      if (change.gone && owner?.id === change.id) {
        found.left++;
        if (after?.id !== second?.id) found.wrongSecond++;
      }
    }
    view.dispose();
    view = next;
    servers = change.servers;
  }
  view.dispose();
  return { seed, ...found };
}

function changed(servers: readonly Server[], fresh: number, random: (below: number) => number): Change {
  const at = random(servers.length);
  const old = servers[at] ?? server(fresh);
  const others = servers.filter((_, i) => i !== at);
  const what = servers.length <= 3 ? 0 : random(servers.length >= MEMBERS_MAX ? 4 : 5);
  if (what === 0 || (what === 4 && old.state === "up")) {
    if (servers.length < MEMBERS_MAX) return { id: `cs-${fresh}`, gains: true, gone: false, servers: [...servers, server(fresh, 1 + random(1_000))] };
  }
  if (what === 1) return { id: old.id, gains: false, gone: true, servers: others };
  if (what === 2) return { id: old.id, gains: false, gone: true, servers: [...others, { ...old, state: "draining" }] };
  const weight = random(1_000);
  const counted = old.state === "up" ? old.weight : 0;
  return { id: old.id, gains: weight > counted, gone: weight === 0, servers: [...others, { ...old, state: "up", weight }] };
}

function server(number: number, weight = 100): Server {
  return { id: `cs-${number}`, addr: `127.0.0.1:${1_024 + (number % 60_000)}`, zone: "a", weight, state: "up" };
}

/** Mulberry32: whole numbers 0 .. below-1. */
function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}
