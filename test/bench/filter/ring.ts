/** The ring by itself: how long a look-up takes, and how many slots a change of members moves. */
import { readFile } from "node:fs/promises";
import { instantiate } from "@assemblyscript/loader";
import { DEV_KEY, parseKey } from "../../../services/ring/key.ts";
import { seal, servers } from "../../filter/setup.ts";
import { disruptionOf } from "./disruption.ts";
import { compile } from "./probe.ts";
import type { Fact } from "../facts.ts";

const IDS = 16_384;
const STRIDE = 16;
const ID_BYTES = 11;
const LOOK_UPS = 200_000;

/** ring.wasm with one more export: the loop, so that crossing from JavaScript is not what is measured. */
const source = `
import { inputPtr } from "../../filter/ring/entry";
import { slotOf } from "../../filter/ring/ring";
import { sipHash13 } from "../../filter/ring/siphash";
import { Topology } from "../../filter/ring/topology";
export * from "../../filter/ring/entry";
export function ownersOfIds(topology: Topology, count: i32, k0: u64, k1: u64): u32 {
  const ring = topology.pool(0);
  const ids = inputPtr();
  let sum: u32 = 0;
  for (let i = 0; i < count; i++) {
    sum += <u32>ring.owner(slotOf(k0, k1, ids + (<usize>(i & ${IDS - 1}) * ${STRIDE}), ${ID_BYTES}));
  }
  return sum;
}
export function hashes(count: i32, k0: u64, k1: u64): u64 {
  const ids = inputPtr();
  let sum: u64 = 0;
  for (let i = 0; i < count; i++) sum += sipHash13(ids + (<usize>(i & ${IDS - 1}) * ${STRIDE}), ${ID_BYTES}, k0, k1);
  return sum;
}
export function ownersOfSlots(topology: Topology, count: i32): u32 {
  const ring = topology.pool(0);
  let sum: u32 = 0;
  for (let i = 0; i < count; i++) sum += <u32>ring.owner((<u32>i * 40503) & 0xffff);
  return sum;
}
`;

interface Exports extends Record<string, unknown> {
  readonly memory: { readonly buffer: ArrayBuffer };
  setKey(k0: bigint, k1: bigint): void;
  inputPtr(): number;
  decode(len: number): number;
  ownersOfIds(topology: number, count: number, k0: bigint, k1: bigint): number;
  hashes(count: number, k0: bigint, k1: bigint): bigint;
  ownersOfSlots(topology: number, count: number): number;
}

/** Best of thirty short loops, ns each: what disturbs a loop only ever adds. */
function nsEach(count: number, run: () => void): number {
  const once = (): number => {
    const started = performance.now();
    run();
    return ((performance.now() - started) * 1e6) / count;
  };
  return Math.min(...Array.from({ length: 30 }, once));
}

/** ns per look-up, warm (every slot looked up before) and from JavaScript. */
export async function lookUps(): Promise<Fact[]> {
  const file = await compile("lookup", source, "incremental");
  const { exports } = await instantiate<Exports>(await readFile(file));
  const { k0, k1 } = parseKey(DEV_KEY);
  exports.setKey(k0, k1);
  const facts: Fact[] = [];
  const ids = Array.from({ length: IDS }, (_, i) => `C${(i * 7919).toString(36).toUpperCase().padStart(ID_BYTES - 1, "0")}`);
  for (const count of [3, 100, 1_000]) {
    const { binary, view } = seal(1, { channel: servers("cs", count, 7001) });
    new Uint8Array(exports.memory.buffer).set(binary, exports.inputPtr());
    const topology = exports.decode(binary.length);
    if (topology === 0) throw new Error("the topology does not decode");
    exports.__pin(topology);
    const input = new Uint8Array(exports.memory.buffer, exports.inputPtr(), IDS * STRIDE);
    ids.forEach((id, i) => input.set(Buffer.from(id), i * STRIDE));
    exports.ownersOfSlots(topology, 65_536);
    const fact = (what: string, ns: number): Fact => ({ name: `${what}, ${count} servers, loop in wasm`, value: Number(ns.toFixed(1)), unit: "ns" });
    facts.push(fact("owner of an ID", nsEach(LOOK_UPS, () => exports.ownersOfIds(topology, LOOK_UPS, k0, k1))));
    facts.push(fact("owner of a slot", nsEach(LOOK_UPS, () => exports.ownersOfSlots(topology, LOOK_UPS))));
    if (count === 1_000) facts.push({ name: "hash of an ID (SipHash-1-3, 11 bytes), loop in wasm", value: Number(nsEach(LOOK_UPS, () => exports.hashes(LOOK_UPS, k0, k1)).toFixed(1)), unit: "ns" });
    exports.__unpin(topology);
    for (const id of ids) view.owner("channel", id);
    const fromJs = nsEach(LOOK_UPS, () => {
      for (let i = 0; i < LOOK_UPS; i++) view.owner("channel", ids[i & (IDS - 1)] ?? "");
    });
    facts.push({ name: `owner of an ID, ${count} servers, called from JavaScript`, value: Number(fromJs.toFixed(1)), unit: "ns" });
    view.dispose();
  }
  return facts;
}

/** Random changes of members, and what they moved. */
export async function disruption(changes: number): Promise<Fact[]> {
  const { seed, looked, moved, needless, wrongSecond, left } = disruptionOf(changes);
  const fact = (name: string, value: number | string, unit = ""): Fact => ({ name, value, unit });
  return [
    fact("random changes of members (join, leave, weight, drain)", changes, `(seed ${seed})`),
    fact("slots compared", looked),
    fact("slots that moved", moved),
    fact("slots that moved without need", needless),
    fact("slots whose owner went", left),
    fact("slots whose next owner was not their 2nd", wrongSecond),
  ];
}
