/** The URL of a database that is on one of several servers, as libpq writes it: `postgres://user:password@host:port,host:port/database`. */
import { StoreRefused } from "./log.ts";

/** A path with an @ is the rest of a password that holds a bare slash. */
const shape = /^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)([^/?#@]*)((?:\/[^?#@]*)?(?:[?#].*)?)$/s;
/** What libpq takes here and means a server that takes writes, or does not mind one. */
const attributes: ReadonlySet<string> = new Set(["any", "read-write", "primary"]);

/**
 * @returns the URL of each host by itself, in order
 * @throws StoreRefused; the URL is not in its message, since it may hold a password
 */
export function hostsOf(url: string): string[] {
  const [, before, authority, after] = shape.exec(url) ?? [];
  if (before === undefined || authority === undefined || after === undefined) throw new StoreRefused(unreadable);
  const wanted = new URLSearchParams(/\?([^#]*)/.exec(after)?.[1] ?? "").get("target_session_attrs");
  if (wanted !== null && !attributes.has(wanted)) throw new StoreRefused(`the URL of the PostgreSQL database asks for target_session_attrs=${wanted}: a store is written to, so it can be ${[...attributes].join(", ")}, or left out`);
  const hosts = authority.split(",");
  if (hosts.length > 1 && hosts.includes("")) throw new StoreRefused(unreadable);
  return hosts.map((host) => `${before}${host}${after}`);
}

export const unreadable = "the URL of the PostgreSQL database can't be read";
