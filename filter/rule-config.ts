/**
 * The field `rules` of the plugin configuration: a list of 1..32 rules, of which the first that matches is followed.
 *
 *   match    { prefix | template, upgrade }     required: one of the two; `upgrade` true or false takes only sockets or none
 *   key      { segment | query | header | cookie: name }                                         required: exactly one
 *   pool     "channel", "presence" or "gateway": of the topology document                        required
 *   by       "hash" (default), or "server-id": the key is the ID of the one server
 *   zone     "prefer": servers of the filter's zone go first; "ignore" (default)
 *   copies   how many servers besides a pin are named, 1..3 (default)
 *   onMiss   what a request without a sound key gets: "refuse" (default, 400 bad_id) or "pass"
 */
import { Bytes } from "proxy-wasm-as";
import { Fields } from "./fields";
import { POOL_CHANNEL, POOL_GATEWAY, POOL_PRESENCE } from "./ring/topology";
import { COPIES_MAX, KeySource, Rule, Upgrade } from "./rule";

const RULES_MAX = 32;
const PATH_MAX = 200;
const NAME_MAX = 64;

/** Appends the rules that follow to `rules`. */
export function readRules(fields: Fields, rules: Rule[]): bool {
  if (!fields.json.take(0x5b)) return fields.refuse("rules", "not a list");
  do {
    const path = "rules[" + rules.length.toString() + "]";
    if (rules.length == RULES_MAX) return fields.refuse(path, "more than 32 rules");
    const draft = new Draft();
    if (!fields.object(path, draft, ruleField) || !complete(fields, path, draft)) return false;
    rules.push(draft.rule);
  } while (fields.json.take(0x2c));
  return fields.json.take(0x5d) || fields.refuse("rules", "malformed JSON");
}

/** A rule in the making: the texts are needed until the template and the name of its segment are both there. */
class Draft {
  rule: Rule = new Rule();
  path: string = "";
  segment: string = "";
}

function ruleField(fields: Fields, draft: Draft, name: string, field: string): bool {
  const rule = draft.rule;
  if (name == "match") return fields.object(field, draft, matchField);
  if (name == "key") return fields.object(field, draft, keyField);
  if (name == "copies") {
    rule.copies = fields.json.wholeNumber();
    return (rule.copies >= 1 && rule.copies <= COPIES_MAX) || fields.refuse(field, "not a whole number 1..3");
  }
  const isPool = name == "pool";
  if (!isPool && name != "by" && name != "zone" && name != "onMiss") return fields.refuse(field, "unknown field");
  const word = fields.json.text();
  if (isPool) {
    if (word == "channel") rule.pool = POOL_CHANNEL;
    else if (word == "presence") rule.pool = POOL_PRESENCE;
    else if (word == "gateway") rule.pool = POOL_GATEWAY;
    else return fields.refuse(field, 'not "channel", "presence" or "gateway"');
    return true;
  }
  if (name == "by") {
    rule.byServerId = word == "server-id";
    return rule.byServerId || word == "hash" || fields.refuse(field, 'not "hash" or "server-id"');
  }
  if (name == "zone") {
    rule.preferZone = word == "prefer";
    return rule.preferZone || word == "ignore" || fields.refuse(field, 'not "prefer" or "ignore"');
  }
  rule.passOnMiss = word == "pass";
  return rule.passOnMiss || word == "refuse" || fields.refuse(field, 'not "refuse" or "pass"');
}

function matchField(fields: Fields, draft: Draft, name: string, field: string): bool {
  if (name == "upgrade") {
    const wanted = fields.json.flag();
    draft.rule.upgrade = wanted == 1 ? Upgrade.Only : Upgrade.None;
    return wanted >= 0 || fields.refuse(field, "not true or false");
  }
  const isTemplate = name == "template";
  if (!isTemplate && name != "prefix") return fields.refuse(field, "unknown field");
  if (draft.path != "") return fields.refuse(field, "there is a prefix or a template already");
  const text = fields.json.text();
  if (text == null || !isPath(text)) {
    return fields.refuse(field, "not a string of 1..200 visible ASCII characters that begins with / and has no ? or #");
  }
  draft.path = text;
  draft.rule.path = Bytes.of(text);
  draft.rule.isTemplate = isTemplate;
  return !isTemplate || isTemplateSound(text) || fields.refuse(field, "only whole segments can be {name}, and only the last one **");
}

function keyField(fields: Fields, draft: Draft, name: string, field: string): bool {
  const rule = draft.rule;
  if (name == "segment") rule.source = KeySource.Segment;
  else if (name == "query") rule.source = KeySource.Query;
  else if (name == "header") rule.source = KeySource.Header;
  else if (name == "cookie") rule.source = KeySource.Cookie;
  else return fields.refuse(field, "unknown field");
  if (rule.name.len > 0 || draft.segment != "") return fields.refuse(field, "there is a key already");
  let text = fields.json.text();
  if (text == null || text.length == 0 || text.length > NAME_MAX || !isToken(text)) {
    return fields.refuse(field, "not a name of 1..64 characters [A-Za-z0-9._~-]");
  }
  if (name == "header") {
    text = text.toLowerCase();
    // The shipped configurations remove these from what clients send, so none of them can be a key.
    if (text.startsWith("x-ringway-")) return fields.refuse(field, "the filter's own header");
  }
  if (name == "segment") draft.segment = text;
  else rule.name = Bytes.of(text);
  return true;
}

/** What only shows when the rule is read: something missing, or two fields that do not go together. */
function complete(fields: Fields, path: string, draft: Draft): bool {
  const rule = draft.rule;
  if (!fields.require(path + ".match") || !fields.require(path + ".key") || !fields.require(path + ".pool")) return false;
  if (draft.path == "") return fields.refuse(path + ".match", "needs a prefix or a template");
  if (draft.segment == "" && rule.name.len == 0) return fields.refuse(path + ".key", "needs one of segment, query, header, cookie");
  if (rule.source == KeySource.Segment) {
    rule.segmentAt = rule.isTemplate ? draft.path.indexOf("{" + draft.segment + "}") : -1;
    if (rule.segmentAt < 0) return fields.refuse(path + ".key.segment", "match.template has no {" + draft.segment + "}");
  }
  if (!rule.byServerId) return true;
  if (fields.has(path + ".zone")) return fields.refuse(path + ".zone", 'not with "by": "server-id"');
  return !fields.has(path + ".copies") || fields.refuse(path + ".copies", 'not with "by": "server-id"');
}

function isPath(text: string): bool {
  if (text.length == 0 || text.length > PATH_MAX || text.charCodeAt(0) != 0x2f) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code <= 0x20 || code >= 0x7f || code == 0x3f || code == 0x23) return false;
  }
  return true;
}

function isTemplateSound(text: string): bool {
  const segments = text.slice(1).split("/");
  const names = new Set<string>();
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i];
    if (segment == "**" && i == segments.length - 1) continue;
    const last = segment.length - 1;
    if (last >= 2 && segment.charCodeAt(0) == 0x7b && segment.charCodeAt(last) == 0x7d) {
      const name = segment.slice(1, last);
      if (!isToken(name) || names.has(name)) return false;
      names.add(name);
    } else if (segment.includes("{") || segment.includes("}") || segment.includes("*")) {
      return false;
    }
  }
  return true;
}

/** Letters, digits and `._~-`: what a query field, a header, a cookie and a segment can all be called without escapes. */
function isToken(text: string): bool {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const letter = (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
    const digit = code >= 0x30 && code <= 0x39;
    if (!letter && !digit && code != 0x2d && code != 0x2e && code != 0x5f && code != 0x7e) return false;
  }
  return true;
}
