/** Where a channel or a user is: by the ring, by the servers' own word, and at which gateways. */
import { isId } from "../protocol/ids.ts";
import type { ChannelInfo, PresenceInfo } from "../protocol/mesh.ts";
import { ProtocolError } from "../protocol/problems.ts";
import type { Pool } from "../protocol/topology.ts";
import type { Routes } from "../runtime/http.ts";
import { ask } from "../runtime/request.ts";
import { urlOf } from "../runtime/tls.ts";
import type { CurrentRing, Ring } from "./current-ring.ts";
import type { ChannelFound, GatewayCount, UserFound } from "./snapshot.ts";

const answerMs = 3_000;

/** @param meshUrl an Envoy's mesh listener: what it answers is what the plane answers */
export function lookUpRoutes(ring: CurrentRing, meshUrl: string): Routes {
  const idOf = (params: Readonly<Record<string, string>>, what: string): string => {
    const id = params["id"]!;
    if (!isId(id)) throw new ProtocolError("bad_id", `'${id.slice(0, 64)}' is no ${what}`);
    return id;
  };
  return {
    "GET /console/api/channels/{id}": async ({ params }) => {
      const id = idOf(params, "channel's ID");
      const now = await ring.read();
      const [said, subscribers] = await Promise.all([askMesh<ChannelInfo>(`${meshUrl}/v1/channels/${id}`), countAt(now, id)]);
      const served = said.answer === undefined ? null : { by: said.answer.owner, last_offset: said.answer.head, last_ts: said.answer.last_ts, fence: said.answer.fence };
      const found: ChannelFound = { kind: "channel", id, slot: ring.slotOf(id), epoch: now.view.epoch, ...placed(ring, now, "channel", id), served, problem: said.problem, subscribers };
      return { status: 200, body: found };
    },
    "GET /console/api/users/{id}": async ({ params }) => {
      const id = idOf(params, "user's ID");
      const now = await ring.read();
      const [said, sessions] = await Promise.all([askMesh<PresenceInfo>(`${meshUrl}/v1/presence/users/${id}`), countAt(now, id)]);
      const says = said.answer === undefined ? null : { presence: said.answer.presence, online: said.answer.online, manual_away: said.answer.manual_away };
      const [gateway, presence] = [placed(ring, now, "gateway", id), placed(ring, now, "presence", id)];
      const found: UserFound = { kind: "user", id, slot: ring.slotOf(id), epoch: now.view.epoch, gateway, presence, says, problem: said.problem, sessions };
      return { status: 200, body: found };
    },
  };
}

function placed(ring: CurrentRing, { view }: Ring, pool: Pool, id: string): Pick<ChannelFound, "owner" | "preference" | "pinned"> {
  const slot = ring.slotOf(id);
  return {
    owner: view.owner(pool, id)?.id ?? null,
    preference: view.preference(pool, id).map((server) => server.id),
    pinned: view.topology.pools[pool].pins.some(([pinned]) => pinned === slot),
  };
}

async function askMesh<T>(url: string): Promise<{ readonly answer: T | undefined; readonly problem: string | null }> {
  try {
    const { status, json } = await ask(url, { timeoutMs: answerMs });
    if (status === 200) return { answer: json as T, problem: null };
    return { answer: undefined, problem: `the mesh answers ${status} ${(json as { reason?: string } | undefined)?.reason ?? ""}`.trimEnd() };
  } catch (error) {
    return { answer: undefined, problem: `the mesh does not answer (${(error as NodeJS.ErrnoException).code ?? "no answer"})` };
  }
}

/** A user's own stream is a channel, whose subscribers are the user's sessions. */
function countAt({ view }: Ring, channel: string): Promise<GatewayCount[]> {
  const gateways = view.servers("gateway").filter(({ state }) => state !== "down");
  return Promise.all(
    gateways.map(async ({ id: gateway, addr }) => {
      const answer = await ask(`${urlOf(addr)}/v1/subscribers/${channel}`, { timeoutMs: answerMs }).catch(() => undefined);
      const said = answer?.status === 200 ? (answer.json as { subscribers: number; last: number | null }) : undefined;
      return { gateway, count: said?.subscribers ?? null, last: said?.last ?? null };
    }),
  );
}
