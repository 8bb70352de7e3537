/**
 * The plugin configuration: a JSON object in a StringValue. (Of a Struct, Envoy 1.40 hands over the protobuf bytes.)
 *
 *   hashKey        32 hexadecimal digits: the cluster's hash key                                       required
 *   routes         a list of "gateway", "channel", "presence", "link": built-in rules     required if there are no rules
 *   rules          a list of rules, asked before the built-in ones (rule-config.ts)      required if there are no routes
 *   topology       { cluster, key, tickMs, waitMs }                                                     required
 *     cluster      the Envoy cluster that answers `GET /v1/kv/<key>`, by any name that Envoy takes      required
 *     key          default "ringway/topology.bin"
 *     tickMs       how often a VM looks for a new ring, 5..1000, default 20
 *     waitMs       how long one poll may wait for a change, 100..300000, default 10000
 *   zone           gateways of this zone go first; default: Envoy's own (node.locality.zone)
 *
 * Strict on purpose: a field it does not know is refused by name, for a typing error in production is worse than a
 * filter that does not load.
 */
import { Fields } from "./fields";
import { hexDigit, JsonReader } from "./json";
import { addBuiltIn, Rule, Upgrade } from "./rule";
import { readRules } from "./rule-config";

const TEXT_MAX = 200;
const ZONE_MAX = 64;

export class Config {
  /** Why it was refused, with the field's name; empty if it was not. */
  error: string = "";

  /** The hash key's halves, little-endian. */
  k0: u64 = 0;
  k1: u64 = 0;
  /** What to route; the first that matches is followed. */
  rules: Rule[] = [];
  /** Whether one of them asks if an upgrade is wanted. */
  readsUpgrade: bool = false;
  cluster: string = "";
  key: string = "ringway/topology.bin";
  tickMs: i32 = 20;
  waitMs: i32 = 10_000;
  /** Null leaves it to Envoy's own locality. */
  zone: string | null = null;
}

/** Reads and checks a configuration. Look at `error` first. Pure: it calls nobody. */
export function parseConfig(ptr: usize, len: i32): Config {
  const config = new Config();
  const fields = new Fields(new JsonReader(ptr, len));
  read(fields, config, isBinary(ptr, len));
  config.error = fields.error;
  return config;
}

/** What was read, before the built-in rules are put behind the others. */
class Draft {
  builtIn: Rule[] = [];
  constructor(readonly config: Config) {}
}

function read(fields: Fields, config: Config, isBinary: bool): void {
  if (isBinary) {
    fields.refuse("configuration", "not JSON but protobuf bytes; write it as a StringValue");
    return;
  }
  const draft = new Draft(config);
  if (fields.object("", draft, topField) && !fields.json.done()) fields.refuse("configuration", "something follows the object");
  fields.require("hashKey");
  if (!fields.has("rules")) fields.require("routes");
  if (fields.require("topology")) fields.require("topology.cluster");
  for (let i = 0; i < draft.builtIn.length; i++) config.rules.push(draft.builtIn[i]);
  for (let i = 0; i < config.rules.length; i++) if (config.rules[i].upgrade != Upgrade.Either) config.readsUpgrade = true;
}

function topField(fields: Fields, draft: Draft, name: string, field: string): bool {
  const config = draft.config;
  if (name == "hashKey") return readHashKey(fields, config);
  if (name == "routes") return readRoutes(fields, draft.builtIn);
  if (name == "rules") return readRules(fields, config.rules);
  if (name == "topology") return fields.object(field, config, topologyField);
  if (name != "zone") return fields.refuse(field, "unknown field");
  const zone = fields.json.text();
  if (zone == null || zone.length > ZONE_MAX || !isVisible(zone)) {
    return fields.refuse(field, "not a string of at most 64 visible ASCII characters");
  }
  config.zone = zone;
  return true;
}

function topologyField(fields: Fields, config: Config, name: string, field: string): bool {
  if (name == "tickMs") {
    config.tickMs = fields.json.wholeNumber();
    return (config.tickMs >= 5 && config.tickMs <= 1000) || fields.refuse(field, "not a whole number 5..1000");
  }
  if (name == "waitMs") {
    config.waitMs = fields.json.wholeNumber();
    return (config.waitMs >= 100 && config.waitMs <= 300_000) || fields.refuse(field, "not a whole number 100..300000");
  }
  const isCluster = name == "cluster";
  if (!isCluster && name != "key") return fields.refuse(field, "unknown field");
  const text = fields.json.text();
  const isShort = text != null && text.length > 0 && text.length <= TEXT_MAX;
  if (isCluster) {
    if (!isShort || !isClusterName(text!)) return fields.refuse(field, "not a string of 1..200 visible ASCII characters without quotes and backslashes");
    config.cluster = text!;
  } else {
    if (!isShort || !isPathSafe(text!)) return fields.refuse(field, "not a string of 1..200 characters [A-Za-z0-9._/-]");
    config.key = text!;
  }
  return true;
}

function readHashKey(fields: Fields, config: Config): bool {
  const text = fields.json.text();
  const complaint = "not a string of 32 hexadecimal digits";
  if (text == null || text.length != 32) return fields.refuse("hashKey", complaint);
  for (let i = 0; i < 16; i++) {
    const high = hexDigit(text.charCodeAt(2 * i));
    const low = hexDigit(text.charCodeAt(2 * i + 1));
    if (high < 0 || low < 0) return fields.refuse("hashKey", complaint);
    const byte = <u64>((high << 4) | low);
    if (i < 8) config.k0 |= byte << (8 * i);
    else config.k1 |= byte << (8 * (i - 8));
  }
  return true;
}

function readRoutes(fields: Fields, builtIn: Rule[]): bool {
  if (!fields.json.take(0x5b)) return fields.refuse("routes", "not a list");
  do {
    const route = fields.json.text();
    if (route == null) return fields.refuse("routes", "not a list of strings with at least one");
    if (!addBuiltIn(route, builtIn)) return fields.refuse("routes", 'unknown route "' + route + '"');
  } while (fields.json.take(0x2c));
  return fields.json.take(0x5d) || fields.refuse("routes", "malformed JSON");
}

/** Bytes that no JSON text holds: what Envoy makes of a Struct. */
function isBinary(ptr: usize, len: i32): bool {
  for (let i = 0; i < len; i++) if (load<u8>(ptr + i) < 0x09) return true;
  return false;
}

function isVisible(text: string): bool {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code <= 0x20 || code >= 0x7f) return false;
  }
  return true;
}

/** Istio's own have bars: `outbound|8500||consul.default.svc.cluster.local`. */
function isClusterName(text: string): bool {
  return isVisible(text) && !text.includes('"') && !text.includes("'") && !text.includes("\\");
}

function isPathSafe(text: string): bool {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const letter = (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
    if (!letter && !(code >= 0x2d && code <= 0x39) && code != 0x5f) return false;
  }
  return true;
}
