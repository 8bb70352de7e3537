/** Link frames in words. */
import { AFTER_HEAD, eventKinds, type LinkFrame } from "../../services/protocol/link.ts";

/** `chan` numbers by gateway, as the subscriptions named them. */
const names = new Map<string, string>();

/** @returns undefined for heartbeats */
export function describeLink(from: string, to: string, frame: LinkFrame): string | undefined {
  const said = words(from, to, frame);
  return said === undefined ? undefined : `${from} → ${to}  ${said}`;
}

function words(from: string, to: string, frame: LinkFrame): string | undefined {
  const name = (gateway: string): string => ("chan" in frame ? (names.get(`${gateway} ${frame.chan}`) ?? `#${frame.chan}`) : "");
  switch (frame.type) {
    case "ping":
    case "pong":
      return undefined;
    case "hello":
      return `hello, at topology ${frame.epoch}`;
    case "subscribe":
      names.set(`${from} ${frame.chan}`, frame.id);
      return `subscribe ${frame.id} ${frame.after === AFTER_HEAD ? "from its head" : `after ${frame.after}`}`;
    case "unsubscribe":
      return `unsubscribe ${name(from)}`;
    case "publish":
      return `publish ${name(from)} by ${frame.user}, key ${frame.key}`;
    case "read":
      return `read ${name(from)} after ${frame.after}`;
    case "typing":
      return `typing ${name(from)} ${frame.user}`;
    case "subscribed":
      return `subscribed ${name(to)}, head ${frame.head}`;
    case "event":
      return `event ${name(to)} ${frame.offset}${frame.kind === eventKinds.control ? " (control)" : ""}`;
    case "transient":
      return `transient ${name(to)}`;
    case "ack":
      return `ack, offset ${frame.offset}`;
    case "refused":
      return `refused: ${frame.reason}`;
    case "moved":
      return `moved ${name(to)}${frame.owner === "" ? "" : ` to ${frame.owner}`}, at topology ${frame.epoch}`;
    case "batch":
      return `batch ${name(to)} up to ${frame.head}`;
    case "window":
      return `window ${name(to)} from ${frame.from} up to ${frame.head}`;
    case "epoch":
      return `what follows is routed by topology ${frame.epoch}`;
    case "presence":
      return `${frame.user} is ${frame.active === 1 ? "active" : "away"}`;
    case "manual":
      return `${frame.user} chose ${frame.away === 1 ? "away" : "auto"}`;
    default:
      return "user" in frame ? `${frame.type} ${frame.user}` : frame.type;
  }
}
