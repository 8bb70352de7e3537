/**
 * A rebalance in limited steps: each moves at most a share of the slots, so that what moves can be claimed and loaded
 * before the next. Pure arithmetic on weights; how many slots a change of weights moves follows from them alone.
 */
import type { Server } from "../protocol/topology.ts";

const SLOTS = 65_536;
/** How far a step may lie below its limit, so that chance keeps it under: standard deviations of the slots that really move. */
const MARGIN = 3;
const BISECTIONS = 24;

/**
 * The next servers of a pool on the way from `now` to `wanted`: at most `share` of the slots move by weight. What is no
 * matter of pace is done at once: servers that are down or gone, addresses, and all of it where nobody owned anything.
 * @param share 0..1; 0 = only what is done at once, 1 = all of it
 * @remarks A weight is a whole number. Where one unit more is more than `share` already, that one unit is the step.
 */
export function nextStep(now: readonly Server[], wanted: readonly Server[], share: number): readonly Server[] {
  const { from, to } = weights(now, wanted);
  const known = byId(now);
  if (share >= 1 || sum(from) === 0 || from.every((weight, i) => weight === to[i])) return wanted;
  const at = (t: number): number[] => from.map((weight, i) => Math.round(weight + t * (to[i]! - weight)));
  const limit = Math.max(share / 2, share - MARGIN * Math.sqrt((share * (1 - share)) / SLOTS));
  const step = share <= 0 ? from : moved(from, to) <= limit ? to : at(longest((t) => moved(from, at(t)) <= limit));
  const taken = share <= 0 || step.some((weight, i) => weight !== from[i]) ? step : oneUnit(from, to);
  return wanted.flatMap((server, i) => {
    if (taken[i] === to[i]) return [server];
    if (taken[i] !== from[i]) return [{ ...server, state: "up", weight: taken[i]! }];
    // It waits for its turn as what it is.
    const as = known.get(server.id);
    return as === undefined ? [] : [{ ...server, state: as.state, weight: as.weight }];
  });
}

/** The share of the slots (0..1) that is still to move by steps. */
export function leftToMove(now: readonly Server[], wanted: readonly Server[]): number {
  const { from, to } = weights(now, wanted);
  return moved(from, to);
}

/**
 * The share of the slots that change their owner when servers' weights do: 1 − Σ 1 / Σ max(w_j / w_i, w'_j / w'_i), which
 * is what weighted rendezvous gives on average (a server keeps a slot where no other's bid is better, before and after).
 */
export function moved(before: readonly number[], after: readonly number[]): number {
  if (sum(before) === 0 || sum(after) === 0) return 0;
  // By growth: those that grow no more than a server can't take its slots by that, the others can.
  const list = before.map((weight, i) => ({ weight, now: after[i]!, growth: weight === 0 ? Infinity : after[i]! / weight })).sort((a, b) => a.growth - b.growth);
  let below = 0;
  let above = sum(after);
  let kept = 0;
  for (const { weight, now } of list) {
    below += weight;
    above -= now;
    if (weight > 0 && now > 0) kept += 1 / (below / weight + above / now);
  }
  return 1 - kept < 0.5 / SLOTS ? 0 : 1 - kept;
}

/** What each wanted server bids with, now and in the end; a server that shall be down bids nothing already. */
function weights(now: readonly Server[], wanted: readonly Server[]): { readonly from: number[]; readonly to: number[] } {
  const known = byId(now);
  return { from: wanted.map((server) => (server.state === "down" ? 0 : bid(known.get(server.id)))), to: wanted.map(bid) };
}

function byId(servers: readonly Server[]): ReadonlyMap<string, Server> {
  return new Map(servers.map((server) => [server.id, server]));
}

function bid(server: Server | undefined): number {
  return server?.state === "up" ? server.weight : 0;
}

/** The longest way that is short enough. */
function longest(fits: (t: number) => boolean): number {
  let low = 0;
  let high = 1;
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2;
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** One unit of one server's weight: of the one that has the longest way to go. */
function oneUnit(from: readonly number[], to: readonly number[]): number[] {
  const ways = from.map((weight, i) => Math.abs(to[i]! - weight));
  const furthest = ways.indexOf(Math.max(...ways));
  return from.map((weight, i) => (i === furthest ? weight + Math.sign(to[i]! - weight) : weight));
}

function sum(list: readonly number[]): number {
  return list.reduce((total, weight) => total + weight, 0);
}
