/**
 * The plugin configuration: a JSON object in a StringValue. (Of a Struct, Envoy 1.40 hands over the protobuf bytes.)
 *
 *   hashKey        32 hexadecimal digits: the cluster's hash key                                       required
 *   routes         a list of "gateway", "channel", "presence", "link": what this listener routes        required
 *   topology       { cluster, key, tickMs, waitMs }                                                     required
 *     cluster      the Envoy cluster that answers `GET /v1/kv/<key>`                                    required
 *     key          default "ringway/topology.bin"
 *     tickMs       how often a VM looks for a new ring, 5..1000, default 20
 *     waitMs       how long one poll may wait for a change, 100..300000, default 10000
 *   zone           gateways of this zone go first; default: Envoy's own (node.locality.zone)
 *
 * Strict on purpose: a field it does not know is refused by name, for a typing error in production is worse than a
 * filter that does not load.
 */
import { hexDigit, JsonReader } from "./json";

const TEXT_MAX = 200;
const ZONE_MAX = 64;

export class Config {
  /** Why it was refused, with the field's name; empty if it was not. */
  error: string = "";

  /** The hash key's halves, little-endian. */
  k0: u64 = 0;
  k1: u64 = 0;
  routeGateway: bool = false;
  routeChannel: bool = false;
  routePresence: bool = false;
  routeLink: bool = false;
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
  if (isBinary(ptr, len)) {
    refuse(config, "configuration", "not JSON but protobuf bytes; write it as a StringValue");
    return config;
  }
  const json = new JsonReader(ptr, len);
  const seen = new Set<string>();
  if (readObject(json, config, seen, "", topField) && !json.done()) refuse(config, "configuration", "something follows the object");
  require(config, seen, "hashKey");
  require(config, seen, "routes");
  require(config, seen, "topology");
  if (seen.has("topology")) require(config, seen, "topology.cluster");
  return config;
}

/** Reads one field; false if it refused it. */
type FieldReader = (json: JsonReader, config: Config, seen: Set<string>, field: string) => bool;

function readObject(json: JsonReader, config: Config, seen: Set<string>, path: string, read: FieldReader): bool {
  const name = path == "" ? "configuration" : path;
  if (!json.take(0x7b)) return refuse(config, name, "not a JSON object");
  if (json.take(0x7d)) return true;
  do {
    const key = json.text();
    if (key == null || !json.take(0x3a)) return refuse(config, name, "malformed JSON");
    const field = path == "" ? key : path + "." + key;
    if (seen.has(field)) return refuse(config, field, "given twice");
    seen.add(field);
    if (!read(json, config, seen, field)) return false;
  } while (json.take(0x2c));
  return json.take(0x7d) || refuse(config, name, "malformed JSON");
}

function topField(json: JsonReader, config: Config, seen: Set<string>, field: string): bool {
  if (field == "hashKey") return readHashKey(json, config);
  if (field == "routes") return readRoutes(json, config);
  if (field == "topology") return readObject(json, config, seen, field, topologyField);
  if (field == "zone") {
    const zone = json.text();
    if (zone == null || zone.length > ZONE_MAX || !isVisible(zone)) {
      return refuse(config, field, "not a string of at most 64 visible ASCII characters");
    }
    config.zone = zone;
    return true;
  }
  return refuse(config, field, "unknown field");
}

function topologyField(json: JsonReader, config: Config, seen: Set<string>, field: string): bool {
  if (field == "topology.tickMs") {
    config.tickMs = json.wholeNumber();
    return (config.tickMs >= 5 && config.tickMs <= 1000) || refuse(config, field, "not a whole number 5..1000");
  }
  if (field == "topology.waitMs") {
    config.waitMs = json.wholeNumber();
    return (config.waitMs >= 100 && config.waitMs <= 300_000) || refuse(config, field, "not a whole number 100..300000");
  }
  const isCluster = field == "topology.cluster";
  if (!isCluster && field != "topology.key") return refuse(config, field, "unknown field");
  const text = json.text();
  if (text == null || text.length == 0 || text.length > TEXT_MAX || !isPathSafe(text)) {
    return refuse(config, field, "not a string of 1..200 characters [A-Za-z0-9._/-]");
  }
  if (isCluster) config.cluster = text;
  else config.key = text;
  return true;
}

function readHashKey(json: JsonReader, config: Config): bool {
  const text = json.text();
  const complaint = "not a string of 32 hexadecimal digits";
  if (text == null || text.length != 32) return refuse(config, "hashKey", complaint);
  for (let i = 0; i < 16; i++) {
    const high = hexDigit(text.charCodeAt(2 * i));
    const low = hexDigit(text.charCodeAt(2 * i + 1));
    if (high < 0 || low < 0) return refuse(config, "hashKey", complaint);
    const byte = <u64>((high << 4) | low);
    if (i < 8) config.k0 |= byte << (8 * i);
    else config.k1 |= byte << (8 * (i - 8));
  }
  return true;
}

function readRoutes(json: JsonReader, config: Config): bool {
  if (!json.take(0x5b)) return refuse(config, "routes", "not a list");
  do {
    const route = json.text();
    if (route == null) return refuse(config, "routes", "not a list of strings with at least one");
    if (route == "gateway") config.routeGateway = true;
    else if (route == "channel") config.routeChannel = true;
    else if (route == "presence") config.routePresence = true;
    else if (route == "link") config.routeLink = true;
    else return refuse(config, "routes", 'unknown route "' + route + '"');
  } while (json.take(0x2c));
  return json.take(0x5d) || refuse(config, "routes", "malformed JSON");
}

function require(config: Config, seen: Set<string>, field: string): void {
  if (!seen.has(field)) refuse(config, field, "missing");
}

/** Notes why, unless an earlier reason stands; always false. */
function refuse(config: Config, field: string, complaint: string): bool {
  if (config.error == "") config.error = field + ": " + complaint;
  return false;
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

function isPathSafe(text: string): bool {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const letter = (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
    if (!letter && !(code >= 0x2d && code <= 0x39) && code != 0x5f) return false;
  }
  return true;
}
