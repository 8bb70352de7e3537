/** What charm's door answers, taken only where it has the shape that the page relies on: the URL may be another service's. */
import type { Decision, Rebalance } from "../protocol/operator.ts";
import { pools } from "../protocol/topology.ts";
import type { Snapshot } from "./snapshot.ts";

type Fields = Readonly<Record<string, unknown>>;

/** @param said the answer of /v1/charm/status; null where it is not one */
export function readStatus(said: unknown): Snapshot["charm"] {
  if (!isObject(said) || !isObject(said["intents"])) return null;
  const { leading, rebalance, held, intents } = said;
  const pins = (intents as Fields)["pins"];
  if (typeof leading !== "boolean" || !(rebalance === null || isRebalance(rebalance))) return null;
  if (!isObject(held) || !Object.values(held).every(isIds) || !isObject(pins) || !pools.every((pool) => isPins(pins[pool]))) return null;
  return { leading, rebalance, held: held as Readonly<Record<string, readonly string[]>>, pins: pins as NonNullable<Snapshot["charm"]>["pins"] };
}

/** @param said the answer of /v1/charm/events; undefined where it is not one */
export function readEvents(said: unknown): readonly Decision[] | undefined {
  if (!isObject(said) || !Array.isArray(said["events"])) return undefined;
  return said["events"].every(isDecision) ? (said["events"] as readonly Decision[]) : undefined;
}

function isRebalance(value: unknown): value is Rebalance {
  return isObject(value) && typeof value["left_percent"] === "number" && isIds(value["waiting_for"]);
}

function isDecision(value: unknown): boolean {
  return isObject(value) && ["n", "at", "epoch"].every((name) => Number.isFinite(value[name])) && typeof value["kind"] === "string" && typeof value["text"] === "string";
}

function isPins(value: unknown): boolean {
  return Array.isArray(value) && value.every((pin) => Array.isArray(pin) && typeof pin[0] === "number" && typeof pin[1] === "string");
}

function isIds(value: unknown): boolean {
  return Array.isArray(value) && value.every((id) => typeof id === "string");
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
