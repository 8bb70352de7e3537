/** What a server says of itself when it registers, checked at the door. */
import { isId } from "../protocol/ids.ts";
import type { Pool } from "../protocol/topology.ts";
import type { Instance } from "../registry/client.ts";
import { isIpPort, isZone } from "../ring/topology.ts";

export interface Member {
  readonly id: string;
  /** ip:port */
  readonly addr: string;
  readonly zone: string;
  /** 0..65535, unless an operator's intent overrides it */
  readonly weight: number;
  readonly passing: boolean;
}

/** The member, or why it can't be one: such a registration is ignored and shown in `/v1/charm/status`. */
function readMember({ id, addr, meta, passing }: Instance): Member | string {
  if (!isId(id)) return "the ID is not 1..64 characters of [A-Za-z0-9_-]";
  if (!isIpPort(addr)) return `the address '${addr.slice(0, 80)}' is not ip:port`;
  const zone = meta["zone"] ?? "";
  if (!isZone(zone)) return "the zone is not at most 64 visible ASCII characters without a comma";
  const weight = Number(meta["weight"] ?? "100");
  if (!Number.isInteger(weight) || weight < 0 || weight > 65_535) return "the weight is not a whole number 0..65535";
  return { id, addr, zone, weight, passing };
}

/**
 * The members of a pool by their IDs, and of the registrations that can't be members the reason. Of two with one ID the one that passes counts: where a host dies,
 * Consul keeps its servers as critical for days, though they may be back on another host.
 */
export function readMembers(pool: Pool, instances: readonly Instance[]): { readonly members: ReadonlyMap<string, Member>; readonly ignored: ReadonlyMap<string, string> } {
  const members = new Map<string, Member>();
  const ignored = new Map<string, string>();
  for (const instance of [...instances].sort((a, b) => Number(b.passing) - Number(a.passing))) {
    const member = readMember(instance);
    if (typeof member === "string") ignored.set(instance.id, `${pool}: ${member}`);
    else if (members.has(member.id)) ignored.set(instance.id, `${pool}: the ID is registered twice`);
    else members.set(member.id, member);
  }
  return { members, ignored };
}
