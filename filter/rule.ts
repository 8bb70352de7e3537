/** A rule: which requests, by what key, to which pool. All is worked out at load, so that asking it allocates nothing. */
import { Bytes } from "proxy-wasm-as";
import { POOL_CHANNEL, POOL_GATEWAY, POOL_PRESENCE } from "./ring/topology";

/** Where a request's key stands. */
export enum KeySource {
  /** in the path, where the template has `{name}` */
  Segment,
  Query,
  Header,
  Cookie,
  /** `<userId>.<secret>`, the rest of the path after the prefix (the built-in rule `gateway`) */
  Ticket,
}

/** Which requests a rule takes, by whether they ask for an upgrade (a WebSocket). */
export enum Upgrade {
  Either,
  Only,
  None,
}

/** Bidders named besides a pin, at most and unless told otherwise. Envoy's retry policy walks as many. */
export const COPIES_MAX: i32 = 3;

const SLASH = 0x2f;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const STAR = 0x2a;

export class Rule {
  /** A prefix or, if `isTemplate`, a template: `/v1/channels/{id}/**`. */
  path: Bytes = Bytes.of("");
  isTemplate: bool = false;
  upgrade: Upgrade = Upgrade.Either;
  source: KeySource = KeySource.Segment;
  /** The query field's, header's (in lower case) or cookie's name. */
  name: Bytes = Bytes.of("");
  /** Where in the template the key's brace opens. */
  segmentAt: i32 = -1;
  pool: i32 = POOL_CHANNEL;
  /** The key is a server's own ID. */
  byServerId: bool = false;
  preferZone: bool = false;
  copies: i32 = COPIES_MAX;
  passOnMiss: bool = false;
}

/** The segment under the key's brace, as the last `matches` that said yes has found it. */
export let segmentPtr: usize = 0;
export let segmentLen: i32 = 0;

/** Is this path (without its query) the rule's? */
export function matches(rule: Rule, ptr: usize, len: i32, upgrade: bool): bool {
  if (rule.upgrade != Upgrade.Either && (rule.upgrade == Upgrade.Only) != upgrade) return false;
  if (rule.isTemplate) return matchesTemplate(rule, ptr, len);
  return len >= rule.path.len && memory.compare(ptr, rule.path.ptr, rule.path.len) == 0;
}

/** A `{name}` stands for what is there up to the next slash, be it nothing; `/**` at the end for anything below, or nothing. */
function matchesTemplate(rule: Rule, ptr: usize, len: i32): bool {
  const template = rule.path.ptr;
  const size = rule.path.len;
  let at = 0;
  for (let t = 0; t < size; t++) {
    const byte = load<u8>(template + t);
    if (byte == OPEN) {
      const start = at;
      while (at < len && load<u8>(ptr + at) != SLASH) at++;
      if (t == rule.segmentAt) {
        segmentPtr = ptr + start;
        segmentLen = at - start;
      }
      while (load<u8>(template + t) != CLOSE) t++;
    } else if (byte == SLASH && t + 1 < size && load<u8>(template + t + 1) == STAR) {
      return at == len || load<u8>(ptr + at) == SLASH;
    } else if (at >= len || load<u8>(ptr + at++) != byte) {
      return false;
    }
  }
  return at == len;
}

function template(path: string, pool: i32, byServerId: bool): Rule {
  const rule = new Rule();
  rule.path = Bytes.of(path);
  rule.isTemplate = true;
  rule.segmentAt = path.indexOf("{");
  rule.pool = pool;
  rule.byServerId = byServerId;
  return rule;
}

/** Adds what the name of a built-in rule stands for; false if there is none of that name. */
export function addBuiltIn(name: string, to: Rule[]): bool {
  if (name == "channel") {
    to.push(template("/v1/channels/{id}/**", POOL_CHANNEL, false));
  } else if (name == "presence") {
    to.push(template("/v1/presence/users/{id}/**", POOL_PRESENCE, false));
  } else if (name == "link") {
    to.push(template("/v1/links/channel/{id}/**", POOL_CHANNEL, true));
    to.push(template("/v1/links/presence/{id}/**", POOL_PRESENCE, true));
  } else if (name == "gateway") {
    const rule = new Rule();
    rule.path = Bytes.of("/ws/");
    rule.source = KeySource.Ticket;
    rule.pool = POOL_GATEWAY;
    rule.preferZone = true;
    to.push(rule);
  } else {
    return false;
  }
  return true;
}
